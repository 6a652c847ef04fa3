# The functions' own queries need one field each, which Firestore indexes by itself. These serve people in the
# console.
locals {
  indexes = {
    runs_by_status = {
      collection  = "runs"
      query_scope = "COLLECTION"
      fields      = [["status", "ASCENDING"], ["createdAt", "DESCENDING"]]
    }
    rounds_by_status = {
      collection  = "rounds"
      query_scope = "COLLECTION_GROUP"
      fields      = [["status", "ASCENDING"], ["openedAt", "DESCENDING"]]
    }
    invocations_by_status = {
      collection  = "invocations"
      query_scope = "COLLECTION_GROUP"
      fields      = [["status", "ASCENDING"], ["invokedAt", "DESCENDING"]]
    }
    invocations_by_client = {
      collection  = "invocations"
      query_scope = "COLLECTION_GROUP"
      fields      = [["clientId", "ASCENDING"], ["invokedAt", "DESCENDING"]]
    }
  }

  # Fields that no query of the functions names. Of itself Firestore writes two index entries for each field,
  # which count towards the 10 MiB of a transaction: a round of 1,000 clients fits without them only. npm run
  # terraform:tables writes the file.
  unindexed = jsondecode(file("${path.module}/unindexed.json"))

  # Collections whose documents Firestore removes by itself, and the field that says when.
  expiring = {
    checks      = "deleteAt"
    idempotency = "expiresAt"
    invocations = "deleteAt"
  }
}

resource "google_firestore_index" "main" {
  for_each = local.indexes

  project     = var.project_id
  database    = google_firestore_database.main.name
  collection  = each.value.collection
  query_scope = each.value.query_scope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path = fields.value[0]
      order      = fields.value[1]
    }
  }
}

resource "google_firestore_field" "unindexed" {
  for_each = merge([
    for collection, fields in local.unindexed : {
      for field in fields : "${collection}_${field}" => { collection = collection, field = field }
      if lookup(local.expiring, collection, null) != field
    }
  ]...)

  project    = var.project_id
  database   = google_firestore_database.main.name
  collection = each.value.collection
  field      = each.value.field

  index_config {}
}

moved {
  from = google_firestore_field.unindexed["rounds_not_taken"]
  to   = google_firestore_field.unindexed["rounds_notChosen"]
}

resource "google_firestore_field" "expiring" {
  for_each = local.expiring

  project    = var.project_id
  database   = google_firestore_database.main.name
  collection = each.key
  field      = each.value

  index_config {}
  ttl_config {}
}
