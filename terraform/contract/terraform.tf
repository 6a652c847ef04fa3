# What a deployment is called and made of, and who may touch what: values only, no provider, so that it is
# tested offline.
terraform {
  required_version = ">= 1.9, < 2.0"
}
