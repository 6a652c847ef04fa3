# Who is told when: alerts on the metrics, and a budget.
resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project_id
  display_name = "FedStratus: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
}

locals {
  channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  alerts = {
    stuck = {
      name      = "a run stood still"
      metric    = "tasks_vanished"
      threshold = 0
      seconds   = 600
      text      = "The watchdog found tasks that had vanished and asked for them again. Once is no harm: a queue was purged, or a task given up. If it comes again, read the coordinator's log for the run's id."
    }
    errors = {
      name      = "functions fail"
      metric    = "errors"
      threshold = 5
      seconds   = 300
      text      = "More than five errors within five minutes. They are in the log of the service that the metric's label names."
    }
    impossible = {
      name      = "tasks wait for people"
      metric    = "tasks_impossible"
      threshold = 0
      seconds   = 300
      text      = "A task needs something that no retry mends, mostly a missing right. Its log line says what; the task stays queued until it is mended."
    }
  }
}

resource "google_monitoring_alert_policy" "main" {
  for_each = local.alerts

  project               = var.project_id
  display_name          = "${var.prefix}: ${each.value.name}"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = each.value.name

    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.counter[each.value.metric].name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.threshold
      duration        = "0s"

      aggregations {
        alignment_period     = "${each.value.seconds}s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
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

resource "google_billing_budget" "main" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "${var.prefix} in ${var.project_id}"

  budget_filter {
    projects = ["projects/${var.project_id}"]
  }

  amount {
    specified_amount {
      currency_code = "USD"
      units         = tostring(var.budget.amount_usd)
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
