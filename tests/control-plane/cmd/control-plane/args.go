package main

import (
	"os"
	"strconv"
	"strings"
)

// Paths relative to the working directory, which every process shares. For the sockets that matters: the kernel takes
// at most 107 bytes as the path of one, and temporary directories can be deeper than that.
const (
	etcdData = "etcd-data"
	// etcd wants a port here too, and takes it as a part of the file's name.
	etcdSocket = "etcd.sock:1"
	peerSocket = "etcd-peer.sock:1"
)

// controllers are those whose work a client of the API sees without any node: namespaces that finish deleting, garbage
// collection, service accounts, aggregated roles, and the pods of a Deployment, which are admitted or refused.
var controllers = []string{
	"clusterrole-aggregation-controller",
	"deployment-controller",
	"garbage-collector-controller",
	"namespace-controller",
	"replicaset-controller",
	"root-ca-certificate-publisher-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
}

func (p *plane) etcdArgs() []string {
	return []string{
		"--name=test",
		"--data-dir=" + etcdData,
		"--listen-client-urls=unix://" + etcdSocket,
		"--advertise-client-urls=unix://" + etcdSocket,
		"--listen-peer-urls=unix://" + peerSocket,
		"--initial-advertise-peer-urls=unix://" + peerSocket,
		"--initial-cluster=test=unix://" + peerSocket,
		// The data dies with the control plane, which needn't survive the machine.
		"--unsafe-no-fsync",
		"--log-level=warn",
	}
}

func (p *plane) apiServerArgs() []string {
	return []string{
		"--etcd-servers=unix://" + etcdSocket,
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(p.port.number),
		"--permit-port-sharing", // with the supervisor's reservation
		// An address reserved for documentation (RFC 5737), for the endpoint of the service "kubernetes", which may not
		// be a loopback one. The default is taken from the machine's routes, and there may be none.
		"--advertise-address=192.0.2.1",
		"--cert-dir=.",
		"--tls-cert-file=" + servingName + certSuffix,
		"--tls-private-key-file=" + servingName + keySuffix,
		"--client-ca-file=" + caName + certSuffix,
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + serviceAccountKey,
		"--service-account-signing-key-file=" + serviceAccountKey,
		"--allow-privileged",
	}
}

func (p *plane) controllerManagerArgs() []string {
	return []string{
		"--kubeconfig=" + kubeconfigName,
		"--controllers=" + strings.Join(controllers, ","),
		"--service-account-private-key-file=" + serviceAccountKey,
		"--root-ca-file=" + caName + certSuffix,
		"--use-service-account-credentials=false",
		"--leader-elect=false",
		"--secure-port=0",
	}
}

// removeData removes what a fresh start must not find.
func (p *plane) removeData() error {
	for _, path := range []string{etcdData, etcdSocket, peerSocket} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}
