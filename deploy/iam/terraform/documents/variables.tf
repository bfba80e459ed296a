variable "mode" {
  description = "What the operator may do in AWS."
  type        = string
  default     = "full"
  nullable    = false

  validation {
    condition     = contains(["full", "restore-only", "observe"], var.mode)
    error_message = "mode is full, restore-only or observe, as the operator's --mode."
  }
}

variable "identity" {
  description = "How the operator gets its credentials."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["irsa", "pod-identity", "cross-account"], var.identity)
    error_message = "identity is irsa, pod-identity or cross-account."
  }
}

variable "name" {
  description = "Name of the role."
  type        = string
  default     = "cloudhsm-backup-operator"
  nullable    = false

  validation {
    condition     = can(regex("^[\\w+=,.@-]{1,64}$", var.name))
    error_message = "name has 1 to 64 letters, digits and the characters _+=,.@-."
  }
}

variable "path" {
  description = "Path of the role."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-.0-~]+/)*$", var.path))
    error_message = "path begins and ends with /, such as /platform/."
  }
}

variable "namespace" {
  description = "Namespace of the operator."
  type        = string
  default     = "cloudhsm-backup-operator"
  nullable    = false

  validation {
    # A * in it would let in other service accounts where the trust policy is changed to StringLike.
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace is the name of one namespace, without wildcards."
  }
}

variable "service_account" {
  description = "Service account of the operator."
  type        = string
  default     = "cloudhsm-backup-operator"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.service_account))
    error_message = "service_account is the name of one service account, without wildcards."
  }
}

variable "oidc_provider_arn" {
  description = "For irsa: ARN of the IAM OIDC provider of the cluster."
  type        = string
  default     = null

  validation {
    condition     = var.oidc_provider_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/[^*]+$", var.oidc_provider_arn))
    error_message = "oidc_provider_arn is like arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE."
  }
}

variable "cluster_arn" {
  description = "For pod-identity: ARN of the EKS cluster."
  type        = string
  default     = null

  validation {
    condition     = var.cluster_arn == null || can(regex("^arn:[a-z-]+:eks:[a-z0-9-]+:[0-9]{12}:cluster/[0-9A-Za-z_-]+$", var.cluster_arn))
    error_message = "cluster_arn is like arn:aws:eks:eu-central-1:111122223333:cluster/production."
  }
}

variable "target_role_arn" {
  description = "For pod-identity: ARN of the role in the account of the backups, where that is another one."
  type        = string
  default     = null

  validation {
    condition     = var.target_role_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[^*]+$", var.target_role_arn))
    error_message = "target_role_arn is like arn:aws:iam::444455556666:role/cloudhsm-backup-operator."
  }
}

variable "trusted_role_arn" {
  description = "For cross-account: ARN of the operator's role in the account of the cluster."
  type        = string
  default     = null

  validation {
    condition     = var.trusted_role_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[^*]+$", var.trusted_role_arn))
    error_message = "trusted_role_arn is like arn:aws:iam::111122223333:role/cloudhsm-backup-operator."
  }
}

variable "external_id" {
  description = "For cross-account: the external id that must come with AssumeRole."
  type        = string
  default     = null

  validation {
    condition     = var.external_id == null || (can(regex("^[\\w+=,.@:/-]{2,}$", var.external_id)) && length(var.external_id) <= 1224)
    error_message = "external_id has 2 to 1224 letters, digits and the characters _+=,.@:/-."
  }
}

variable "account_id" {
  description = "For cross-account: the account of the role and the backups."
  type        = string
  default     = null

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id has 12 digits."
  }
}

variable "regions" {
  description = "Regions whose backups the operator may see and change. Empty: all."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.regions : can(regex("^[a-z]+(-[a-z]+)+-[0-9]+$", region))])
    error_message = "regions holds names such as eu-central-1."
  }
}

variable "backup_tags" {
  description = "Tags that a backup must carry to be changed, with the values of each that will do. Empty: all backups."
  type        = map(list(string))
  default     = {}
  nullable    = false

  validation {
    # An empty list would match no backup at all.
    condition     = alltrue([for values in values(var.backup_tags) : length(values) > 0])
    error_message = "backup_tags needs at least one value for each tag, such as { team = [\"payments\"] }."
  }
}
