# The functions' own queries need one field each, which Firestore indexes by itself. These serve people in the console.
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

  # Large fields that nobody queries: every entry of theirs would be written into two indexes.
  unindexed = {
    roster_clients   = ["roster", "clients"]
    rounds_consumed  = ["rounds", "consumed"]
    rounds_dropped   = ["rounds", "dropped"]
    rounds_not_taken = ["rounds", "notChosen"]
    rounds_outcomes  = ["rounds", "outcomes"]
    runs_model       = ["runs", "model"]
    runs_spec        = ["runs", "spec"]
  }

  # Collections whose documents Firestore removes by itself, and the field that says when.
  expiring = {
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
  for_each = local.unindexed

  project    = var.project_id
  database   = google_firestore_database.main.name
  collection = each.value[0]
  field      = each.value[1]

  index_config {}
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
