# One page to see how runs go.
locals {
  user_metric = "resource.type=\"cloud_run_revision\" metric.type=\"logging.googleapis.com/user/${var.prefix}"

  charts = [
    { title = "Rounds closed, by status", filter = "${local.user_metric}/rounds_closed\"", aligner = "ALIGN_SUM", group = ["metric.label.status"] },
    { title = "EUR, median", filter = "${local.user_metric}/eur\"", aligner = "ALIGN_PERCENTILE_50", group = [] },
    { title = "Errors, by function", filter = "${local.user_metric}/errors\"", aligner = "ALIGN_SUM", group = ["metric.label.function"] },
    { title = "Tasks repeated, by function", filter = "${local.user_metric}/tasks_repeated\"", aligner = "ALIGN_SUM", group = ["metric.label.function"] },
    { title = "Instances, by function", filter = "resource.type=\"cloud_run_revision\" metric.type=\"run.googleapis.com/container/instance_count\"", aligner = "ALIGN_MAX", group = ["resource.label.service_name"] },
    { title = "Tasks waiting, by queue", filter = "resource.type=\"cloud_tasks_queue\" metric.type=\"cloudtasks.googleapis.com/queue/depth\"", aligner = "ALIGN_MAX", group = ["resource.label.queue_id"] },
  ]

  # Monitoring does not keep what is 0 or empty, and would be found different at every plan.
  places = [
    for index, chart in local.charts : {
      for name, value in { xPos = index % 2 * 6, yPos = floor(index / 2) * 4 } : name => value if value > 0
    }
  ]
  groups = [
    for chart in local.charts : { for name, value in { groupByFields = chart.group } : name => value if length(value) > 0 }
  ]
}

resource "google_monitoring_dashboard" "main" {
  project = var.project_id

  dashboard_json = jsonencode({
    displayName = "FedStratus ${var.prefix}"
    mosaicLayout = {
      columns = 12
      tiles = [
        for index, chart in local.charts : merge(local.places[index], {
          width  = 6
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = merge({
                      alignmentPeriod    = "300s"
                      perSeriesAligner   = chart.aligner
                      crossSeriesReducer = chart.aligner == "ALIGN_PERCENTILE_50" ? "REDUCE_MEAN" : "REDUCE_SUM"
                    }, local.groups[index])
                  }
                }
              }]
            }
          }
        })
      ]
    }
  })
}
