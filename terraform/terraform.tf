# What it runs with: Terraform and the google provider.
terraform {
  required_version = ">= 1.9, < 2.0"

  # Partial: give the bucket with terraform init -backend-config="bucket=...", or drop the block to keep the state beside it.
  # backend "gcs" {}

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 8.0"
    }
  }
}
