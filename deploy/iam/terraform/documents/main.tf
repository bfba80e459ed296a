terraform {
  required_version = ">= 1.6"
}

locals {
  policies = "${path.module}/../../policies"
  trusts   = "${path.module}/../../trust"

  # Where the role and the backups are. Without an ARN to tell (the preconditions say so) nothing below is used.
  home      = split(":", coalesce({ irsa = var.oidc_provider_arn, pod-identity = var.cluster_arn, cross-account = var.trusted_role_arn }[var.identity], ":::::"))
  partition = local.home[1]
  account   = coalesce(var.account_id, local.home[4], "-")

  conditions = {
    region = { for key, value in { "aws:RequestedRegion" = var.regions } : key => value if length(value) > 0 }
    tags   = { for key, values in var.backup_tags : "aws:ResourceTag/${key}" => values }
  }

  # The policy of the mode, narrowed to the partition, the account, the regions and the tags.
  own = jsondecode(file("${local.policies}/${var.mode}.json"))
  narrowed = [
    for statement in local.own.Statement : merge(
      statement,
      { Resource = statement.Resource == "*" ? "*" : replace(statement.Resource, "arn:aws:cloudhsm:*:*:", "arn:${local.partition}:cloudhsm:*:${local.account}:") },
      { for key, value in { Condition = { StringEquals = merge(local.conditions.region, statement.Resource == "*" ? {} : local.conditions.tags) } } :
      key => value if length(value.StringEquals) > 0 },
    )
  ]

  permissions = {
    own    = jsonencode(merge(local.own, { Statement = local.narrowed }))
    target = templatefile("${local.policies}/assume-target-role.json", { TARGET_ROLE_ARN = coalesce(var.target_role_arn, "-") })
  }

  values = {
    AWS_PARTITION      = local.partition
    AWS_ACCOUNT_ID     = local.account
    OIDC_PROVIDER      = try(split("oidc-provider/", var.oidc_provider_arn)[1], "-")
    CLUSTER_ARN        = coalesce(var.cluster_arn, "-")
    CLUSTER_ROLE_ARN   = coalesce(var.trusted_role_arn, "-")
    CLUSTER_ACCOUNT_ID = try(split(":", var.trusted_role_arn)[4], "-")
    EXTERNAL_ID        = coalesce(var.external_id, "-")
    NAMESPACE          = var.namespace
    SERVICE_ACCOUNT    = var.service_account
  }
  whole_trust = jsondecode(templatefile("${local.trusts}/${var.identity}.json", local.values))
  trust = merge(local.whole_trust, {
    Statement = [
      for statement in local.whole_trust.Statement : merge(statement, {
        Condition = { for operator, keys in statement.Condition : operator => keys if var.external_id != null || !can(keys["sts:ExternalId"]) }
      })
    ]
  })

  role_arn = "arn:${local.partition}:iam::${local.account}:role${var.path}${var.name}"
  helm_values = merge(
    { mode = var.mode },
    { for key, value in { aws = { region = try(var.regions[0], null) } } : key => value if length(var.regions) == 1 },
    {
      serviceAccount = merge(
        { name = var.service_account },
        { for key, value in { annotations = { "eks.amazonaws.com/role-arn" = local.role_arn } } : key => value if var.identity == "irsa" },
      )
    },
  )
}
