variable "mode" {
  description = "What the operator may do in AWS, as its --mode says it: full, restore-only or observe."
  type        = string
  default     = "full"
  nullable    = false
}

variable "identity" {
  description = "How the operator gets its credentials: irsa, pod-identity, or cross-account for the role in an account without the cluster."
  type        = string
  nullable    = false
}

variable "name" {
  description = "Name of the role."
  type        = string
  default     = "cloudhsm-backup-operator"
  nullable    = false
}

variable "path" {
  description = "Path of the role. The service control policy in guardrails/ names roles without one, so put it there too."
  type        = string
  default     = "/"
  nullable    = false
}

variable "namespace" {
  description = "Namespace of the operator."
  type        = string
  default     = "cloudhsm-backup-operator"
  nullable    = false
}

variable "service_account" {
  description = "Service account of the operator."
  type        = string
  default     = "cloudhsm-backup-operator"
  nullable    = false
}

variable "oidc_provider_arn" {
  description = "For irsa: ARN of the IAM OIDC provider of the cluster, in the account of the role."
  type        = string
  default     = null
}

variable "cluster_arn" {
  description = "For pod-identity: ARN of the EKS cluster."
  type        = string
  default     = null
}

variable "target_role_arn" {
  description = "For pod-identity: ARN of the role in the account of the backups, where that is another one. The role made here may then assume that one, and nothing else."
  type        = string
  default     = null
}

variable "trusted_role_arn" {
  description = "For cross-account: ARN of the operator's role in the account of the cluster."
  type        = string
  default     = null
}

variable "external_id" {
  description = "For cross-account: the external id that must come with AssumeRole: that of the Pod Identity association, or the external_id of the profile. Null asks for none."
  type        = string
  default     = null
}

variable "account_id" {
  description = "For cross-account: the account of the role and the backups. With the other identities it is that of oidc_provider_arn or cluster_arn."
  type        = string
  default     = null
}

variable "regions" {
  description = "Regions whose backups the operator may see and change. Empty: all."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "backup_tags" {
  description = "Tags that a backup must carry to be changed, with the values of each that will do, such as { team = [\"payments\"] }. Empty: all backups."
  type        = map(list(string))
  default     = {}
  nullable    = false
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role."
  type        = string
  default     = null
}

variable "max_session_duration" {
  description = "How long a session of the role may last, in seconds."
  type        = number
  default     = 3600
  nullable    = false
}

variable "tags" {
  description = "Tags of what is made here."
  type        = map(string)
  default     = {}
  nullable    = false
}
