# Metrics of what the functions log; the messages are those of the code, which a test compares.
locals {
  from_functions = join(" ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", [for service in sort(var.services) : "\"${service}\""])})",
  ])

  counters = {
    errors           = { filter = "severity>=ERROR", labels = { function = "EXTRACT(resource.labels.service_name)" } }
    rounds_closed    = { filter = "jsonPayload.message=\"round closed\"", labels = { status = "EXTRACT(jsonPayload.status)" } }
    tasks_repeated   = { filter = "jsonPayload.message=\"task will be repeated\"", labels = { function = "EXTRACT(resource.labels.service_name)" } }
    tasks_vanished   = { filter = "jsonPayload.message=\"tasks had vanished\"", labels = {} }
    tasks_impossible = { filter = "jsonPayload.message=\"needs a person\"", labels = { code = "EXTRACT(jsonPayload.code)" } }
    portable_tensors = { filter = "jsonPayload.message=\"works without native TensorFlow\"", labels = { function = "EXTRACT(resource.labels.service_name)" } }
  }
}

resource "google_logging_metric" "counter" {
  for_each = local.counters

  project          = var.project_id
  name             = "${var.prefix}/${each.key}"
  filter           = "${local.from_functions} ${each.value.filter}"
  label_extractors = each.value.labels

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }
}

resource "google_logging_metric" "eur" {
  project         = var.project_id
  name            = "${var.prefix}/eur"
  filter          = "${local.from_functions} jsonPayload.message=\"round closed\""
  value_extractor = "EXTRACT(jsonPayload.eur)"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "1"
  }

  bucket_options {
    linear_buckets {
      num_finite_buckets = 20
      width              = 0.05
      offset             = 0
    }
  }
}
