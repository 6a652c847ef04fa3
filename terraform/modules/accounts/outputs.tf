# What the accounts tells.
output "emails" {
  description = "The accounts' addresses, by what they are for."
  value       = { for key, id in var.accounts : key => "${id}@${var.project_id}.iam.gserviceaccount.com" }

  depends_on = [google_project_iam_member.main, google_service_account_iam_member.main]
}
