# The operator in an EKS cluster with the Pod Identity agent. It may change only the backups that carry the tag.
terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.2"
    }
  }
}

variable "cluster_arn" {
  description = "ARN of the EKS cluster, such as module.eks.cluster_arn."
  type        = string
}

module "cloudhsm_backup_operator" {
  # From elsewhere: git::https://github.com/cloudhsm-dev/cloudhsm-backup-operator//deploy/iam/terraform?ref=v0.1.0
  source = "../.."

  mode        = "full"
  identity    = "pod-identity"
  cluster_arn = var.cluster_arn
  regions     = ["eu-central-1"]
  backup_tags = { team = ["payments"] }
}

output "helm_values" {
  description = "For helm install --values."
  value       = module.cloudhsm_backup_operator.helm_values
}
