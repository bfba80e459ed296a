// The projects whose custom resources stand in our manifests, for nothing but their CRDs: tests/docs reads the files out of the
// modules as they were published. No package is imported, so `go mod tidy` would empty this; after a change of a version run
// `go mod download MODULE@VERSION` here, which writes go.sum.
module github.com/cloudhsm-dev/cloudhsm-backup-operator/tests/crds

go 1.26.0

require (
	github.com/argoproj/argo-cd/v3 v3.5.7
	github.com/fluxcd/kustomize-controller v1.9.6
	github.com/fluxcd/source-controller v1.9.6
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
