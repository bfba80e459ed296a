//! Who may do what by the shipped documents.

use rstest::rstest;

use super::{
    ACCOUNT, OIDC_PROVIDER, OPERATOR, REGION, document,
    evaluate::{
        Request,
        Verdict::{self, Allowed, Denied, NotAllowed},
        evaluate,
    },
};

const WRITES: [&str; 3] = ["cloudhsm:DeleteBackup", "cloudhsm:ModifyBackupAttributes", "cloudhsm:RestoreBackup"];

fn backup(account: &str) -> String {
    format!("arn:aws:cloudhsm:{REGION}:{account}:backup/backup-ro5c4er4aac")
}

fn write(action: &str) -> Request {
    Request::new(action, &backup(ACCOUNT)).with("aws:RequestedRegion", REGION)
}

#[rstest]
#[case("full", [Allowed, Allowed, Allowed])]
#[case("restore-only", [NotAllowed, NotAllowed, Allowed])]
#[case("observe", [NotAllowed, NotAllowed, NotAllowed])]
fn a_mode_bounds_the_writes(#[case] mode: &str, #[case] verdicts: [Verdict; 3]) {
    let policy = document(&format!("policies/{mode}.json"));
    assert_eq!(WRITES.map(|action| evaluate(&policy, &write(action))), verdicts);
    assert_eq!(evaluate(&policy, &Request::new("cloudhsm:DescribeBackups", "*")), Allowed);
}

#[rstest]
#[case("cloudhsm:DeleteCluster", "arn:aws:cloudhsm:eu-central-1:111122223333:cluster/cluster-dygnwhmscg5")]
#[case("cloudhsm:DeleteBackup", "arn:aws:cloudhsm:eu-central-1:111122223333:cluster/cluster-dygnwhmscg5")]
#[case("cloudhsm:ModifyCluster", "arn:aws:cloudhsm:eu-central-1:111122223333:cluster/cluster-dygnwhmscg5")]
#[case("cloudhsm:CopyBackupToRegion", "arn:aws:cloudhsm:eu-central-1:111122223333:backup/backup-ro5c4er4aac")]
#[case("cloudhsm:PutResourcePolicy", "arn:aws:cloudhsm:eu-central-1:111122223333:backup/backup-ro5c4er4aac")]
#[case("cloudhsm:TagResource", "arn:aws:cloudhsm:eu-central-1:111122223333:backup/backup-ro5c4er4aac")]
#[case("iam:PutRolePolicy", OPERATOR)]
#[case("sts:AssumeRole", OPERATOR)]
fn no_mode_allows_anything_else(#[case] action: &str, #[case] resource: &str) {
    for policy in ["full", "restore-only", "observe", "full-restricted"] {
        let request =
            Request::new(action, resource).with("aws:RequestedRegion", REGION).with("aws:ResourceTag/team", "payments");
        assert_eq!(evaluate(&document(&format!("policies/{policy}.json")), &request), NotAllowed, "{policy}");
    }
}

#[rstest]
#[case::own(write("cloudhsm:DeleteBackup").with("aws:ResourceTag/team", "payments"), Allowed)]
#[case::other_tag(write("cloudhsm:DeleteBackup").with("aws:ResourceTag/team", "cards"), NotAllowed)]
#[case::no_tag(write("cloudhsm:DeleteBackup"), NotAllowed)]
#[case::other_key(write("cloudhsm:RestoreBackup").with("aws:ResourceTag/squad", "payments"), NotAllowed)]
#[case::other_region(
    write("cloudhsm:DeleteBackup").with("aws:ResourceTag/team", "payments").with("aws:RequestedRegion", "us-east-1"),
    NotAllowed
)]
#[case::other_account(
    Request::new("cloudhsm:DeleteBackup", &backup("444455556666"))
        .with("aws:RequestedRegion", REGION).with("aws:ResourceTag/team", "payments"),
    NotAllowed
)]
#[case::look(Request::new("cloudhsm:DescribeBackups", "*").with("aws:RequestedRegion", REGION), Allowed)]
#[case::look_elsewhere(Request::new("cloudhsm:DescribeBackups", "*").with("aws:RequestedRegion", "us-east-1"), NotAllowed)]
fn the_restricted_policy_keeps_to_region_account_and_tag(#[case] request: Request, #[case] verdict: Verdict) {
    assert_eq!(evaluate(&document("policies/full-restricted.json"), &request), verdict);
}

/// A token of this cluster's issuer, or of another's.
fn token(provider: &str, audience: &str, subject: &str) -> Request {
    Request::new("sts:AssumeRoleWithWebIdentity", OPERATOR)
        .from(&format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}"))
        .with(&format!("{provider}:aud"), audience)
        .with(&format!("{provider}:sub"), subject)
}

const SUBJECT: &str = "system:serviceaccount:cloudhsm-backup-operator:cloudhsm-backup-operator";

#[rstest]
#[case::own(OIDC_PROVIDER, "sts.amazonaws.com", SUBJECT, Allowed)]
#[case::other_account(
    OIDC_PROVIDER,
    "sts.amazonaws.com",
    "system:serviceaccount:cloudhsm-backup-operator:default",
    NotAllowed
)]
#[case::other_namespace(
    OIDC_PROVIDER,
    "sts.amazonaws.com",
    "system:serviceaccount:hsm:cloudhsm-backup-operator",
    NotAllowed
)]
#[case::longer_name(OIDC_PROVIDER, "sts.amazonaws.com", &format!("{SUBJECT}-2"), NotAllowed)]
#[case::other_audience(OIDC_PROVIDER, "kubernetes.default.svc", SUBJECT, NotAllowed)]
#[case::other_cluster("oidc.eks.eu-central-1.amazonaws.com/id/ANOTHER", "sts.amazonaws.com", SUBJECT, NotAllowed)]
fn irsa_lets_in_one_service_account(
    #[case] provider: &str,
    #[case] audience: &str,
    #[case] subject: &str,
    #[case] verdict: Verdict,
) {
    assert_eq!(evaluate(&document("trust/irsa.json"), &token(provider, audience, subject)), verdict);
}

/// How EKS assumes a role for a pod.
fn pod(action: &str) -> Request {
    Request::new(action, OPERATOR)
        .from("pods.eks.amazonaws.com")
        .with("aws:SourceAccount", ACCOUNT)
        .with("aws:RequestTag/eks-cluster-arn", "arn:aws:eks:eu-central-1:111122223333:cluster/production")
        .with("aws:RequestTag/kubernetes-namespace", "cloudhsm-backup-operator")
        .with("aws:RequestTag/kubernetes-service-account", "cloudhsm-backup-operator")
}

#[rstest]
#[case::own(pod("sts:AssumeRole"), Allowed)]
#[case::tags(pod("sts:TagSession"), Allowed)]
#[case::other_service(pod("sts:AssumeRole").from("ec2.amazonaws.com"), NotAllowed)]
#[case::other_account(pod("sts:AssumeRole").with("aws:SourceAccount", "444455556666"), NotAllowed)]
#[case::other_namespace(pod("sts:AssumeRole").with("aws:RequestTag/kubernetes-namespace", "hsm"), NotAllowed)]
#[case::other_service_account(pod("sts:AssumeRole").with("aws:RequestTag/kubernetes-service-account", "default"), NotAllowed)]
#[case::other_cluster(
    pod("sts:AssumeRole").with("aws:RequestTag/eks-cluster-arn", "arn:aws:eks:eu-central-1:111122223333:cluster/staging"),
    NotAllowed
)]
#[case::without_session_tags(
    Request::new("sts:AssumeRole", OPERATOR).from("pods.eks.amazonaws.com").with("aws:SourceAccount", ACCOUNT),
    NotAllowed
)]
fn pod_identity_lets_in_one_service_account_of_one_cluster(#[case] request: Request, #[case] verdict: Verdict) {
    assert_eq!(evaluate(&document("trust/pod-identity.json"), &request), verdict);
}

/// The operator's role in the account of the cluster assumes the one in the account of the backups.
fn chained(action: &str) -> Request {
    let role = "arn:aws:iam::444455556666:role/cloudhsm-backup-operator";
    Request::new(action, OPERATOR).from(role).with("aws:PrincipalArn", role).with("sts:ExternalId", "7c1f")
}

#[rstest]
#[case::own(chained("sts:AssumeRole"), Allowed)]
#[case::session_tags(chained("sts:TagSession"), Allowed)]
#[case::other_external_id(chained("sts:AssumeRole").with("sts:ExternalId", "7c20"), NotAllowed)]
#[case::no_external_id(
    Request::new("sts:AssumeRole", OPERATOR)
        .from("arn:aws:iam::444455556666:role/cloudhsm-backup-operator")
        .with("aws:PrincipalArn", "arn:aws:iam::444455556666:role/cloudhsm-backup-operator"),
    NotAllowed
)]
#[case::other_role(chained("sts:AssumeRole").with("aws:PrincipalArn", "arn:aws:iam::444455556666:role/admin"), NotAllowed)]
#[case::other_account(
    chained("sts:AssumeRole").from("arn:aws:iam::777788889999:role/cloudhsm-backup-operator"),
    NotAllowed
)]
fn cross_account_lets_in_one_role(#[case] request: Request, #[case] verdict: Verdict) {
    assert_eq!(evaluate(&document("trust/cross-account.json"), &request), verdict);
}

#[test]
fn the_role_of_the_pods_may_assume_the_target_role_and_no_other() {
    let policy = document("policies/assume-target-role.json");
    assert_eq!(evaluate(&policy, &Request::new("sts:AssumeRole", OPERATOR)), Allowed);
    assert_eq!(evaluate(&policy, &Request::new("sts:AssumeRole", &format!("{OPERATOR}-2"))), NotAllowed);
    assert_eq!(evaluate(&policy, &write("cloudhsm:DeleteBackup")), NotAllowed);
}

fn by(role: &str, action: &str, resource: &str) -> Request {
    Request::new(action, resource).with("aws:PrincipalArn", &format!("arn:aws:iam::{ACCOUNT}:{role}"))
}

#[rstest]
#[case::operator("role/cloudhsm-backup-operator", NotAllowed)]
#[case::break_glass("role/cloudhsm-break-glass", NotAllowed)]
#[case::administrator("role/administrator", Denied)]
#[case::user("user/alice", Denied)]
#[case::lookalike("role/cloudhsm-backup-operator-2", Denied)]
#[case::lookalike_path("role/x/cloudhsm-backup-operator", Denied)]
fn the_service_control_policy_leaves_writes_to_the_operator_and_break_glass(
    #[case] who: &str,
    #[case] verdict: Verdict,
) {
    let policy = document("guardrails/scp.json");
    for action in WRITES {
        assert_eq!(evaluate(&policy, &by(who, action, &backup(ACCOUNT))), verdict, "{action}");
    }
    assert_eq!(evaluate(&policy, &by(who, "cloudhsm:DescribeBackups", "*")), NotAllowed, "looks are left alone");
}

#[rstest]
#[case("cloudhsm:ModifyCluster")]
#[case("cloudhsm:CopyBackupToRegion")]
#[case("cloudhsm:TagResource")]
fn the_service_control_policy_closes_the_ways_around(#[case] action: &str) {
    let policy = document("guardrails/scp.json");
    for (who, verdict) in [
        ("role/cloudhsm-administrator", NotAllowed),
        ("role/cloudhsm-break-glass", NotAllowed),
        ("role/cloudhsm-backup-operator", Denied),
        ("role/administrator", Denied),
    ] {
        assert_eq!(evaluate(&policy, &by(who, action, &backup(ACCOUNT))), verdict, "{who}");
    }
}

#[test]
fn the_service_control_policy_protects_the_roles_themselves() {
    let policy = document("guardrails/scp.json");
    for action in ["iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:CreateRole"] {
        assert_eq!(evaluate(&policy, &by("role/administrator", action, OPERATOR)), Denied, "{action}");
        assert_eq!(evaluate(&policy, &by("role/infrastructure-pipeline", action, OPERATOR)), NotAllowed, "{action}");
        let other = format!("arn:aws:iam::{ACCOUNT}:role/other");
        assert_eq!(evaluate(&policy, &by("role/administrator", action, &other)), NotAllowed, "{action}");
    }
}

#[test]
fn the_endpoint_lets_the_operator_through_and_nobody_else() {
    let policy = document("guardrails/vpc-endpoint-policy.json");
    for action in WRITES.into_iter().chain(["cloudhsm:DescribeBackups"]) {
        let asks = |who: &str| evaluate(&policy, &by(who, action, &backup(ACCOUNT)));
        assert_eq!(asks("role/cloudhsm-backup-operator"), Allowed, "{action}");
        assert_eq!(asks("role/administrator"), NotAllowed, "{action}");
    }
    assert_eq!(evaluate(&policy, &by("role/cloudhsm-backup-operator", "cloudhsm:DeleteCluster", "*")), NotAllowed);
}
