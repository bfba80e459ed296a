module cloudhsm.dev/backup-operator/tests/tools/grafana-dashboard

go 1.26.7

tool cloudhsm.dev/backup-operator/tests/tools/grafana-dashboard

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
