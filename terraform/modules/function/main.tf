# One function (2nd gen), running as an account of its own.
locals {
  # Where only known accounts may call it, the region has checked each caller's token before it hands it on,
  # and may then hand it on without its signature. Derived from the grants, so that it cannot be said of a
  # function that is public.
  is_public       = anytrue([for grant in var.service_grants : contains(["allUsers", "allAuthenticatedUsers"], grant.member)])
  callers_checked = local.is_public ? {} : { CALLERS_CHECKED_BY_REGION = "true" }

  # Beside native TensorFlow, which is outside of it, V8's heap has to be small in a small memory: by itself
  # it lets garbage take half of it. The local cloud takes the same from
  # shared/cloud/tensors/nodeOptions.ts.
  node_options = lookup(var.environment, "REQUIRE_NATIVE_TENSORS", null) == null || var.limits.memory_mib >= 1024 ? {} : {
    NODE_OPTIONS = "--max-old-space-size=96 --max-semi-space-size=4"
  }

  # What the build has to know: the function's own variables are not there yet. Only functions that compute
  # install TensorFlow.
  require_native = lookup(var.environment, "REQUIRE_NATIVE_TENSORS", null)
  build_environment = {
    for name, value in {
      REQUIRE_NATIVE_TENSORS = local.require_native
      TENSORFLOW_WHEEL_URL   = local.require_native == null ? null : var.tensorflow_wheel_url
    } : name => value if value != null
  }
}

resource "google_cloudfunctions2_function" "main" {
  project     = var.project_id
  location    = var.region
  name        = var.name
  description = var.description
  labels      = var.labels

  build_config {
    runtime               = var.runtime
    entry_point           = var.entry_point
    service_account       = "projects/${var.project_id}/serviceAccounts/${var.build.account_email}"
    docker_repository     = var.build.repository
    environment_variables = local.build_environment

    source {
      storage_source {
        bucket = google_storage_bucket_object.source.bucket
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    service_account_email            = var.account_email
    available_memory                 = "${var.limits.memory_mib}Mi"
    available_cpu                    = tostring(var.limits.vcpu)
    timeout_seconds                  = var.limits.timeout_seconds
    max_instance_request_concurrency = var.limits.concurrency
    min_instance_count               = var.limits.min_instances
    max_instance_count               = var.limits.max_instances
    ingress_settings                 = var.ingress
    all_traffic_on_latest_revision   = true
    environment_variables            = merge(var.environment, local.node_options, local.callers_checked)
  }
}
