# What the module makes, with a mock of the provider: no credentials, no AWS. `tofu init && tofu test`; what is refused is tested in documents/.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/cloudhsm-backup-operator" }
  }
  mock_resource "aws_eks_pod_identity_association" {
    defaults = { external_id = "eks/made/this" }
  }
}

run "irsa_makes_a_role_and_its_permissions" {
  variables {
    mode                 = "observe"
    identity             = "irsa"
    oidc_provider_arn    = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"
    permissions_boundary = "arn:aws:iam::111122223333:policy/boundary"
    tags                 = { team = "security" }
  }

  assert {
    condition     = aws_iam_role.operator.assume_role_policy == output.trust && aws_iam_role_policy.operator.policy == output.permissions
    error_message = "the role has other documents than those that are put out"
  }
  assert {
    condition     = aws_iam_role.operator.name == "cloudhsm-backup-operator" && aws_iam_role.operator.path == "/"
    error_message = aws_iam_role.operator.name
  }
  assert {
    condition     = aws_iam_role.operator.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "the role isn't bounded"
  }
  assert {
    condition     = aws_iam_role.operator.tags == tomap({ team = "security" })
    error_message = "the role isn't tagged"
  }
  assert {
    condition     = aws_iam_role_policy.operator.role == aws_iam_role.operator.id
    error_message = "the permissions are another role's"
  }
  assert {
    condition     = length(aws_eks_pod_identity_association.operator) == 0 && output.external_id == null
    error_message = "IRSA has no association"
  }
  assert {
    condition     = strcontains(output.helm_values, "\"eks.amazonaws.com/role-arn\": \"${output.role_arn}\"")
    error_message = output.helm_values
  }
}

run "pod_identity_makes_an_association_too" {
  variables {
    identity        = "pod-identity"
    cluster_arn     = "arn:aws:eks:eu-central-1:111122223333:cluster/production"
    target_role_arn = "arn:aws:iam::444455556666:role/cloudhsm-backup-operator"
    namespace       = "security"
    service_account = "hsm"
  }

  assert {
    condition     = aws_eks_pod_identity_association.operator[0].cluster_name == "production"
    error_message = aws_eks_pod_identity_association.operator[0].cluster_name
  }
  assert {
    condition     = "${aws_eks_pod_identity_association.operator[0].namespace}/${aws_eks_pod_identity_association.operator[0].service_account}" == "security/hsm"
    error_message = "the association is another service account's"
  }
  assert {
    condition     = aws_eks_pod_identity_association.operator[0].role_arn == output.role_arn
    error_message = "the association is another role's"
  }
  assert {
    condition     = aws_eks_pod_identity_association.operator[0].target_role_arn == "arn:aws:iam::444455556666:role/cloudhsm-backup-operator"
    error_message = "the association lacks its target role"
  }
  assert {
    condition     = output.external_id == "eks/made/this"
    error_message = "the external id isn't put out"
  }
}
