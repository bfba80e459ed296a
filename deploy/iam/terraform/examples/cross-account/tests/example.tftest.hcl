# The two roles name each other, and the second asks for the external id that EKS sends.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::444455556666:role/cloudhsm-backup-operator" }
  }
  mock_resource "aws_eks_pod_identity_association" {
    defaults = { external_id = "eks/made/this" }
  }
}

mock_provider "aws" {
  alias = "backups"
}

run "the_roles_name_each_other" {
  variables {
    cluster_arn             = "arn:aws:eks:eu-central-1:444455556666:cluster/production"
    backup_account_id       = "111122223333"
    backup_account_role_arn = "arn:aws:iam::111122223333:role/terraform"
  }

  assert {
    condition     = jsondecode(module.in_the_account_of_the_cluster.permissions).Statement[0].Resource == "arn:aws:iam::111122223333:role/cloudhsm-backup-operator"
    error_message = module.in_the_account_of_the_cluster.permissions
  }
  assert {
    condition = jsondecode(module.in_the_account_of_the_backups.trust).Statement[0].Condition == {
      ArnEquals    = { "aws:PrincipalArn" = "arn:aws:iam::444455556666:role/cloudhsm-backup-operator" }
      StringEquals = { "sts:ExternalId" = "eks/made/this" }
    }
    error_message = module.in_the_account_of_the_backups.trust
  }
  assert {
    condition     = strcontains(module.in_the_account_of_the_backups.permissions, "arn:aws:cloudhsm:*:111122223333:backup/*")
    error_message = module.in_the_account_of_the_backups.permissions
  }
}
