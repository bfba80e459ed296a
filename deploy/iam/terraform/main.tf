# The documents, and the checks of what is asked for, are in a module that needs no provider: it is tested without AWS.
module "documents" {
  source = "./documents"

  mode              = var.mode
  identity          = var.identity
  name              = var.name
  path              = var.path
  namespace         = var.namespace
  service_account   = var.service_account
  oidc_provider_arn = var.oidc_provider_arn
  cluster_arn       = var.cluster_arn
  target_role_arn   = var.target_role_arn
  trusted_role_arn  = var.trusted_role_arn
  external_id       = var.external_id
  account_id        = var.account_id
  regions           = var.regions
  backup_tags       = var.backup_tags
}

resource "aws_iam_role" "operator" {
  name                 = var.name
  path                 = var.path
  description          = "cloudhsm-backup-operator, mode ${var.mode}"
  assume_role_policy   = module.documents.trust
  permissions_boundary = var.permissions_boundary
  max_session_duration = var.max_session_duration
  tags                 = var.tags
}

# Inline: who may not change the role can't widen it by a new version of a policy that is attached to it.
resource "aws_iam_role_policy" "operator" {
  name   = var.name
  role   = aws_iam_role.operator.id
  policy = module.documents.permissions
}

resource "aws_eks_pod_identity_association" "operator" {
  count = var.identity == "pod-identity" ? 1 : 0

  cluster_name    = module.documents.cluster_name
  namespace       = var.namespace
  service_account = var.service_account
  role_arn        = aws_iam_role.operator.arn
  target_role_arn = var.target_role_arn
  tags            = var.tags
}
