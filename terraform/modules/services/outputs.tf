# What the services tells.
output "services" {
  description = "The enabled services."
  value       = sort(var.services)

  depends_on = [time_sleep.enabled]
}
