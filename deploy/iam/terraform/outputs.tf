output "role_arn" {
  description = "ARN of the role."
  value       = aws_iam_role.operator.arn
}

output "role_name" {
  description = "Name of the role."
  value       = aws_iam_role.operator.name
}

output "external_id" {
  description = "With target_role_arn: the external id that EKS sends when it assumes that role, for external_id of the module there."
  value       = one(aws_eks_pod_identity_association.operator[*].external_id)
}

output "helm_values" {
  description = "What the chart's values need to say, as YAML. Empty for cross-account, where the role isn't the one of the pods."
  value       = module.documents.helm_values
}

output "permissions" {
  description = "The role's permissions, as JSON."
  value       = module.documents.permissions
}

output "trust" {
  description = "The role's trust policy, as JSON."
  value       = module.documents.trust
}
