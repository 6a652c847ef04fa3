# The services that a deployment uses.
resource "google_project_service" "main" {
  for_each = var.services

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}

# A service is not ready everywhere at the moment that it is enabled, nor are the accounts of its own that it
# makes then.
resource "time_sleep" "enabled" {
  create_duration = "60s"
  triggers        = { services = join(" ", sort(var.services)) }

  depends_on = [google_project_service.main]
}
