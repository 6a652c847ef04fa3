# Who is alerted when, and a budget. No alert counts by a metric of metrics.tf: Monitoring refuses alerts on
# log-based metrics for minutes after these were made, and so would the first apply.
resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project_id
  display_name = "FedStratus: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
  user_labels  = var.labels
}

locals {
  channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  # One alert for each such line.
  logged = {
    stuck = {
      name   = "a run stalled"
      filter = local.counters.tasks_vanished.filter
      text   = "The watchdog found that tasks had disappeared and created them again. A single alert is harmless: a queue was purged, or a task used up its retries. If it repeats, read the coordinator's log for the run's id."
    }
    portable = {
      name   = "work without native TensorFlow"
      filter = local.counters.portable_tensors.filter
      text   = "A client or the evaluator works on the portable backend, several times slower and at several times the cost. Its line says why, or which client it is; the log of its build says what was missing. With require_native_tensors, its build fails instead."
    }
    impossible = {
      name   = "tasks need an operator"
      filter = local.counters.tasks_impossible.filter
      text   = "A call fails until somebody changes the deployment; usually a permission is missing. Its log line says which, and so does the run's status reason. The call is repeated every five minutes, so the run continues without further action once that is fixed."
    }
  }

  # An alert where there are more than a threshold of them.
  counted = {
    errors = {
      name      = "functions fail"
      filter    = "metric.type=\"logging.googleapis.com/log_entry_count\" AND metric.labels.severity=one_of(\"ERROR\",\"CRITICAL\",\"ALERT\",\"EMERGENCY\")"
      threshold = 5
      seconds   = 300
      lasting   = 0
      text      = "More than five errors of one function within five minutes. They are in the log of the service that the alert names."
    }
    # Some repeats are normal, such as when two writers conflict; half an hour of them is not.
    repeated = {
      name      = "tasks keep failing"
      filter    = "metric.type=\"run.googleapis.com/request_count\" AND metric.labels.response_code=\"503\""
      threshold = 5
      seconds   = 600
      lasting   = 1800
      text      = "For half an hour, one function has answered 503 to more than five calls in ten minutes: tasks come again and again and are not done. The lines \"task will be repeated\" in the log of the service say why; where there are none, the function does not start."
    }
  }

  services = join(",", [for service in sort(var.services) : "\"${service}\""])
}

resource "google_monitoring_alert_policy" "logged" {
  for_each = local.logged

  project               = var.project_id
  display_name          = "${var.prefix}: ${each.value.name}"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = each.value.name

    condition_matched_log {
      filter = "${local.from_functions} ${each.value.filter}"
    }
  }

  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "86400s"

    notification_rate_limit {
      period = "3600s"
    }
  }
}

resource "google_monitoring_alert_policy" "counted" {
  for_each = local.counted

  project               = var.project_id
  display_name          = "${var.prefix}: ${each.value.name}"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = each.value.name

    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=one_of(${local.services}) AND ${each.value.filter}"
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.threshold
      duration        = "${each.value.lasting}s"

      aggregations {
        alignment_period     = "${each.value.seconds}s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.service_name"]
      }
    }
  }

  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "86400s"
  }
}

# Its amount is in the currency of the billing account, whichever that is.
resource "google_billing_budget" "main" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "${var.prefix} in ${var.project_id}"

  budget_filter {
    projects = ["projects/${var.project_number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.budget.amount)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  all_updates_rule {
    monitoring_notification_channels = local.channels
    disable_default_iam_recipients   = false
  }
}
