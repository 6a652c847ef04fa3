# The IAM matrix: on each resource, which role for which account. Nothing is granted anywhere else.
locals {
  member = { for key, account in local.accounts : key => "serviceAccount:${account.email}" }

  operator_members = [
    for email in sort(var.operators) :
    "${endswith(email, ".gserviceaccount.com") ? "serviceAccount" : "user"}:${email}"
  ]

  # Only these can ask for a token that is meant for the api by themselves; people ask for one of the operator
  # account.
  operator_robots = [for email in sort(var.operators) : email if endswith(email, ".gserviceaccount.com")]

  # Who moves the protocol along.
  control = ["api", "coordinator", "aggregator", "evaluator"]

  roles = {
    # Builds write their logs themselves, which has no resource below the project; what functions print needs
    # no right.
    project = { "roles/logging.logWriter" = [local.member.build] }

    # Firestore has no policy on a database: granted on the project, with a condition that names the database.
    database = { "roles/datastore.user" = [for key in local.control : local.member[key]] }

    # The api and the coordinator sign links, which carry no more rights than they have themselves. The api
    # deletes nothing.
    models = {
      "roles/storage.objectViewer"  = [local.member.api]
      "roles/storage.objectCreator" = [local.member.api]
      "roles/storage.objectUser"    = [for key in ["coordinator", "aggregator", "evaluator"] : local.member[key]]
    }

    # Operators put data sets as the operator account.
    data            = { "roles/storage.objectUser" = [local.member.operator] }
    clients_data    = { "roles/storage.objectViewer" = [local.member.client] }
    evaluation_data = { "roles/storage.objectViewer" = [local.member.evaluator] }

    # Cloud Functions puts sources into a bucket of its own making: granted on the project, for that bucket
    # only.
    build_sources = { "roles/storage.objectViewer" = [local.member.build] }
    repository    = { "roles/artifactregistry.writer" = [local.member.build] }

    # The coordinator's watchdog also asks whether a task is still there, and a round that closes calls off
    # its unanswered calls.
    control_queue = {
      "roles/cloudtasks.enqueuer" = [for key in local.control : local.member[key]]
      "roles/cloudtasks.viewer"   = [local.member.coordinator]
    }
    client_queue = {
      "roles/cloudtasks.enqueuer"    = [local.member.coordinator]
      "roles/cloudtasks.taskDeleter" = [local.member.coordinator]
      "roles/cloudtasks.viewer"      = [local.member.coordinator]
    }

    # The creator of a task acts as the account whose token it carries.
    control_invoker = { "roles/iam.serviceAccountUser" = [for key in local.control : local.member[key]] }
    client_invoker  = { "roles/iam.serviceAccountUser" = [local.member.coordinator] }

    # To sign links without a key.
    api_account         = { "roles/iam.serviceAccountTokenCreator" = [local.member.api] }
    coordinator_account = { "roles/iam.serviceAccountTokenCreator" = [local.member.coordinator] }

    # Operators call the api and put data as the operator account, because a person cannot ask for a token
    # that is meant for the api only. Identity tokens alone would not do: gcloud asks for an access token of
    # the account first.
    operator_account = { "roles/iam.serviceAccountTokenCreator" = local.operator_members }

    api = {
      "roles/run.invoker" = concat([for email in local.operator_robots : "serviceAccount:${email}"], [local.member.operator])
    }
    coordinator = {
      "roles/run.invoker" = concat(
        [local.member["control-invoker"], local.member.client],
        [for email in sort(var.client_accounts) : "serviceAccount:${email}"],
      )
    }
    aggregator = { "roles/run.invoker" = [local.member["control-invoker"]] }
    evaluator  = { "roles/run.invoker" = [local.member["control-invoker"]] }
    client     = { "roles/run.invoker" = [local.member["client-invoker"]] }
  }

  grants = {
    for resource, roles in local.roles : resource => flatten([
      for role, members in roles : [for member in members : { role = role, member = member }]
    ])
  }
}
