output "permissions" {
  description = "The role's permissions, as JSON."
  value       = local.permissions[var.target_role_arn == null ? "own" : "target"]

  precondition {
    condition     = var.target_role_arn == null || var.identity == "pod-identity"
    error_message = "target_role_arn goes with identity = \"pod-identity\"."
  }
}

output "trust" {
  description = "The role's trust policy, as JSON."
  value       = jsonencode(local.trust)

  precondition {
    condition     = var.identity != "irsa" || var.oidc_provider_arn != null
    error_message = "identity = \"irsa\" needs oidc_provider_arn."
  }

  precondition {
    condition     = var.identity != "pod-identity" || var.cluster_arn != null
    error_message = "identity = \"pod-identity\" needs cluster_arn."
  }

  precondition {
    condition     = var.identity != "cross-account" || (var.trusted_role_arn != null && var.account_id != null)
    error_message = "identity = \"cross-account\" needs trusted_role_arn and account_id."
  }
}

output "cluster_name" {
  description = "The name in cluster_arn."
  value       = try(split("cluster/", var.cluster_arn)[1], null)
}

output "role_arn" {
  description = "ARN that the role will have."
  value       = local.role_arn
}

output "helm_values" {
  description = "What the chart's values need to say, as YAML. Empty where the role isn't the one of the pods."
  value       = var.identity == "cross-account" ? "" : yamlencode(local.helm_values)
}
