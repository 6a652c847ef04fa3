# The identities, and what they may do in the project where no narrower resource exists. They come before
# everything else, because a grant to an account that is not there is refused.
resource "google_service_account" "main" {
  for_each = var.accounts

  project      = var.project_id
  account_id   = each.value
  display_name = "FedStratus ${each.key}"
}

resource "google_project_iam_member" "main" {
  for_each = { for grant in var.project_grants : "${grant.role} ${grant.member}" => grant }

  project = var.project_id
  role    = each.value.role
  member  = each.value.member

  depends_on = [google_service_account.main]
}

# Who may sign or act for an account.
resource "google_service_account_iam_member" "main" {
  for_each = merge([
    for key, grants in var.account_grants : {
      for grant in grants : "${key} ${grant.role} ${grant.member}" => merge(grant, { account = key })
    }
  ]...)

  service_account_id = google_service_account.main[each.value.account].name
  role               = each.value.role
  member             = each.value.member
}
