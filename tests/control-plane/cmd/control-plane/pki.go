package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Files in the working directory.
const (
	caName            = "ca"
	servingName       = "kube-apiserver"
	certSuffix        = ".crt"
	keySuffix         = ".key"
	serviceAccountKey = "service-account.key"
	kubeconfigName    = "kubeconfig"
)

// pki is every key of one control plane. All are made anew for each.
type pki struct {
	ca, serving, admin *pair
	serviceAccount     *ecdsa.PrivateKey
}

// pair is a certificate with its key.
type pair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newPKI() (*pki, error) {
	var p pki
	var err error
	p.ca, err = issue(nil, x509.Certificate{
		Subject:               pkix.Name{CommonName: "test control plane"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	})
	if err != nil {
		return nil, err
	}
	p.serving, err = issue(p.ca, x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)},
	})
	if err != nil {
		return nil, err
	}
	p.admin, err = issue(p.ca, x509.Certificate{
		Subject:     pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, err
	}
	p.serviceAccount, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &p, err
}

// issue makes a key and a certificate for it, signed by the CA, or by itself when there is none.
func issue(ca *pair, template x509.Certificate) (*pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, err
	}
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().AddDate(1, 0, 0)
	signer := ca
	if signer == nil {
		signer = &pair{certificate: &template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, signer.certificate, &key.PublicKey, signer.key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &pair{certificate: certificate, key: key}, err
}

func (p *pair) certPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Raw})
}

func (p *pair) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.certificate.Raw}, PrivateKey: p.key}
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key) // the one form that the API server takes for service accounts
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func (p *pki) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.ca.certificate)
	return pool
}

// write lays down what the processes read, and the kubeconfig of the administrator.
func (p *pki) write(dir, server string) error {
	servingKey, err := keyPEM(p.serving.key)
	if err != nil {
		return err
	}
	serviceAccount, err := keyPEM(p.serviceAccount)
	if err != nil {
		return err
	}
	adminKey, err := keyPEM(p.admin.key)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		caName + certSuffix:      p.ca.certPEM(),
		servingName + certSuffix: p.serving.certPEM(),
		servingName + keySuffix:  servingKey,
		serviceAccountKey:        serviceAccount,
		kubeconfigName:           kubeconfig(server, p.ca.certPEM(), p.admin.certPEM(), adminKey),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func kubeconfig(server string, ca, certificate, key []byte) []byte {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: test
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: admin
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: test
  context:
    cluster: test
    user: admin
current-context: test
`, server, encode(ca), encode(certificate), encode(key))
}
