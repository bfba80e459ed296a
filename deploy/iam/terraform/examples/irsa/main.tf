# The operator in an EKS cluster with an IAM OIDC provider. The backups are in the account of that provider: for another account make a
# provider of the cluster's issuer there, and call the module with that account's credentials.
terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.2"
    }
  }
}

variable "oidc_provider_arn" {
  description = "ARN of the cluster's IAM OIDC provider, such as module.eks.oidc_provider_arn."
  type        = string
}

module "cloudhsm_backup_operator" {
  # From elsewhere: git::https://github.com/cloudhsm-dev/cloudhsm-backup-operator//deploy/iam/terraform?ref=v0.1.0
  source = "../.."

  mode              = "restore-only"
  identity          = "irsa"
  oidc_provider_arn = var.oidc_provider_arn
  regions           = ["eu-central-1"]
}

output "helm_values" {
  description = "For helm install --values."
  value       = module.cloudhsm_backup_operator.helm_values
}
