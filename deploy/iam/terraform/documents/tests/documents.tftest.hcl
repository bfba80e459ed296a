# What the documents say, and what is refused. `tofu init && tofu test` in the folder above; no provider, no AWS.

variables {
  identity          = "irsa"
  oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
}

run "the_policy_of_the_mode_is_narrowed_to_the_account" {
  command = plan

  assert {
    condition     = jsondecode(output.permissions).Statement[1].Resource == "arn:aws:cloudhsm:*:111122223333:backup/*"
    error_message = output.permissions
  }
  assert {
    condition     = jsondecode(output.permissions).Statement[0].Resource == "*" && !strcontains(output.permissions, "Condition")
    error_message = output.permissions
  }
}

run "observe_may_write_nothing" {
  command = plan

  variables {
    mode        = "observe"
    backup_tags = { team = ["payments"] }
  }
  assert {
    condition     = jsondecode(output.permissions) == jsondecode(file("../../policies/observe.json"))
    error_message = output.permissions
  }
}

run "regions_bound_looks_and_writes_and_tags_bound_writes_alone" {
  command = plan

  variables {
    regions     = ["eu-central-1", "eu-west-1"]
    backup_tags = { team = ["payments", "cards"], env = ["production"] }
  }
  assert {
    condition     = jsondecode(output.permissions).Statement[0].Condition == { StringEquals = { "aws:RequestedRegion" = ["eu-central-1", "eu-west-1"] } }
    error_message = output.permissions
  }
  assert {
    condition = jsondecode(output.permissions).Statement[1].Condition == {
      StringEquals = {
        "aws:RequestedRegion"  = ["eu-central-1", "eu-west-1"]
        "aws:ResourceTag/env"  = ["production"]
        "aws:ResourceTag/team" = ["payments", "cards"]
      }
    }
    error_message = output.permissions
  }
}

run "irsa_trusts_one_service_account" {
  command = plan

  variables {
    namespace = "security"
  }
  assert {
    condition = jsondecode(output.trust).Statement[0].Condition == {
      StringEquals = {
        "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE:aud" = "sts.amazonaws.com"
        "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE:sub" = "system:serviceaccount:security:cloudhsm-backup-operator"
      }
    }
    error_message = output.trust
  }
  assert {
    condition     = jsondecode(output.trust).Statement[0].Principal.Federated == var.oidc_provider_arn
    error_message = output.trust
  }
  assert {
    condition = yamldecode(output.helm_values) == {
      mode = "full"
      serviceAccount = {
        name        = "cloudhsm-backup-operator"
        annotations = { "eks.amazonaws.com/role-arn" = "arn:aws:iam::111122223333:role/cloudhsm-backup-operator" }
      }
    }
    error_message = output.helm_values
  }
}

run "pod_identity_trusts_one_service_account_of_one_cluster_in_any_partition" {
  command = plan

  variables {
    identity          = "pod-identity"
    oidc_provider_arn = null
    cluster_arn       = "arn:aws-us-gov:eks:us-gov-west-1:111122223333:cluster/production"
    regions           = ["us-gov-west-1"]
  }
  assert {
    condition = jsondecode(output.trust).Statement[0].Condition.StringEquals == {
      "aws:SourceAccount"                         = "111122223333"
      "aws:RequestTag/eks-cluster-arn"            = "arn:aws-us-gov:eks:us-gov-west-1:111122223333:cluster/production"
      "aws:RequestTag/kubernetes-namespace"       = "cloudhsm-backup-operator"
      "aws:RequestTag/kubernetes-service-account" = "cloudhsm-backup-operator"
    }
    error_message = output.trust
  }
  assert {
    condition     = jsondecode(output.permissions).Statement[1].Resource == "arn:aws-us-gov:cloudhsm:*:111122223333:backup/*"
    error_message = output.permissions
  }
  assert {
    condition     = output.cluster_name == "production"
    error_message = output.cluster_name
  }
  assert {
    condition     = yamldecode(output.helm_values) == { mode = "full", aws = { region = "us-gov-west-1" }, serviceAccount = { name = "cloudhsm-backup-operator" } }
    error_message = output.helm_values
  }
}

run "with_a_target_role_the_role_may_assume_that_and_nothing_else" {
  command = plan

  variables {
    identity        = "pod-identity"
    cluster_arn     = "arn:aws:eks:eu-central-1:111122223333:cluster/production"
    target_role_arn = "arn:aws:iam::444455556666:role/cloudhsm-backup-operator"
  }
  assert {
    condition     = jsondecode(output.permissions).Statement[*].Resource == ["arn:aws:iam::444455556666:role/cloudhsm-backup-operator"]
    error_message = output.permissions
  }
  assert {
    condition     = jsondecode(output.permissions).Statement[*].Action == [["sts:AssumeRole", "sts:TagSession"]]
    error_message = output.permissions
  }
}

run "cross_account_trusts_one_role_with_the_external_id" {
  command = plan

  variables {
    identity         = "cross-account"
    account_id       = "444455556666"
    trusted_role_arn = "arn:aws:iam::111122223333:role/cloudhsm-backup-operator"
    external_id      = "7c1f"
  }
  assert {
    condition = jsondecode(output.trust).Statement[0].Condition == {
      ArnEquals    = { "aws:PrincipalArn" = "arn:aws:iam::111122223333:role/cloudhsm-backup-operator" }
      StringEquals = { "sts:ExternalId" = "7c1f" }
    }
    error_message = output.trust
  }
  assert {
    condition     = jsondecode(output.trust).Statement[*].Principal.AWS == ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"]
    error_message = output.trust
  }
  assert {
    condition     = jsondecode(output.permissions).Statement[1].Resource == "arn:aws:cloudhsm:*:444455556666:backup/*"
    error_message = output.permissions
  }
  assert {
    condition     = output.helm_values == ""
    error_message = output.helm_values
  }
}

run "without_an_external_id_none_is_asked_for" {
  command = plan

  variables {
    identity         = "cross-account"
    account_id       = "444455556666"
    trusted_role_arn = "arn:aws:iam::111122223333:role/cloudhsm-backup-operator"
  }
  assert {
    condition     = jsondecode(output.trust).Statement[0].Condition == { ArnEquals = { "aws:PrincipalArn" = "arn:aws:iam::111122223333:role/cloudhsm-backup-operator" } }
    error_message = output.trust
  }
}

run "an_unknown_mode_is_refused" {
  command = plan
  variables { mode = "read-only" }
  expect_failures = [var.mode]
}

run "a_wildcard_in_the_namespace_is_refused" {
  command = plan
  variables { namespace = "*" }
  expect_failures = [var.namespace]
}

run "a_wildcard_in_the_service_account_is_refused" {
  command = plan
  variables { service_account = "cloudhsm-*" }
  expect_failures = [var.service_account]
}

run "a_tag_without_values_is_refused" {
  command = plan
  variables { backup_tags = { team = [] } }
  expect_failures = [var.backup_tags]
}

run "a_zone_is_no_region" {
  command = plan
  variables { regions = ["eu-central-1a"] }
  expect_failures = [var.regions]
}

run "irsa_needs_its_provider" {
  command = plan
  variables { oidc_provider_arn = null }
  expect_failures = [output.trust]
}

run "pod_identity_needs_its_cluster" {
  command = plan
  variables { identity = "pod-identity" }
  expect_failures = [output.trust]
}

run "cross_account_needs_its_role" {
  command = plan
  variables { identity = "cross-account" }
  expect_failures = [output.trust]
}

run "a_target_role_needs_pod_identity" {
  command = plan
  variables { target_role_arn = "arn:aws:iam::444455556666:role/cloudhsm-backup-operator" }
  expect_failures = [output.permissions]
}
