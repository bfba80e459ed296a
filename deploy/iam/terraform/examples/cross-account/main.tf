# The cluster in one account, the backups in another, with EKS Pod Identity: EKS assumes the second role through the first.
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
  description = "ARN of the EKS cluster."
  type        = string
}

variable "backup_account_id" {
  description = "Account of the backups."
  type        = string
}

variable "backup_account_role_arn" {
  description = "Role with which Terraform works in the account of the backups."
  type        = string
}

provider "aws" {
  region = "eu-central-1"
}

provider "aws" {
  alias  = "backups"
  region = "eu-central-1"

  assume_role {
    role_arn = var.backup_account_role_arn
  }
}

locals {
  partition = split(":", var.cluster_arn)[1]
  # Said, not asked for: each of the two roles names the other.
  target_role_arn = "arn:${local.partition}:iam::${var.backup_account_id}:role/cloudhsm-backup-operator"
}

module "in_the_account_of_the_cluster" {
  source = "../.."

  identity        = "pod-identity"
  cluster_arn     = var.cluster_arn
  target_role_arn = local.target_role_arn
}

module "in_the_account_of_the_backups" {
  source    = "../.."
  providers = { aws = aws.backups }

  identity         = "cross-account"
  account_id       = var.backup_account_id
  trusted_role_arn = module.in_the_account_of_the_cluster.role_arn
  external_id      = module.in_the_account_of_the_cluster.external_id
}

output "helm_values" {
  description = "For helm install --values."
  value       = module.in_the_account_of_the_cluster.helm_values
}
