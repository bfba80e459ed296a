# What a developer calls. Each target installs or builds what it needs by itself, into target/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export CARGO_TERM_PROGRESS_WHEN ?= never
TARGET := $(or $(CARGO_TARGET_DIR),target)
CHART := charts/cloudhsm-backup-operator
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(TARGET)/tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
MDBOOK_VERSION := 0.5.4
MDBOOK := $(TARGET)/tools/mdbook-$(MDBOOK_VERSION)/bin/mdbook

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: demo
demo: control-plane helm build ## Show the main job on a real control plane, with an emulated AWS
	@hack/demo.sh

.PHONY: up
up: control-plane helm build ## The same, left running for you to explore
	@hack/up.sh

.PHONY: down
down: ## End what `make up` started
	@hack/down.sh

.PHONY: build
build: ## Build the operator and the emulator
	@echo "building the operator and the emulator: about 3 minutes on two cores the first time (AWS SDK, TLS), then seconds"
	@cargo build --locked --workspace --bins

.PHONY: test
# Most tests wait most of the time, so more of them run at once than there are cores.
test: control-plane tools venv ## Run all tests: units, AWS wire, real control plane, real AWS clients
	@echo "building the tests: some minutes on two cores the first time, then seconds"
	@cargo test --locked --workspace --no-run
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-8} cargo test --locked --workspace
	cd tests/control-plane && go test ./cmd/...
	@# Go takes a result from its cache without a look at files outside the module, such as those in deploy/.
	cd tests/gitops && go test -count=1 ./...

.PHONY: bench
N ?= 100 1000 10000
bench: control-plane ## Measure the operator on a real control plane with 100, 1,000 and 10,000 objects; N="100 1000" chooses
	@echo "building what is measured, optimised: about 7 minutes on two cores the first time, then seconds"
	@cargo build --locked --release --workspace --bins
	@$(TARGET)/release/cluster-bench --objects $(N)

.PHONY: image
image: control-plane helm ## Build the container image without an engine, and prove that it works; as root, with buildah
	@hack/image/build.sh $(BINARY)
	@cargo build --quiet --locked -p cloudhsm-emulator
	@hack/image/prove.sh

.PHONY: lint
lint: $(CARGO_DENY) helm iam docs ## Check format, lints, licences, banned crates and all that ships beside the code
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO_DENY) --locked --workspace check bans licenses sources
	unformatted=$$(gofmt -l tests); [[ -z $$unformatted ]] || { echo "run make fmt: $$unformatted" >&2; exit 1; }
	cd tests/control-plane && go vet ./cmd/...
	cd tests/gitops && go vet ./...
	$(TARGET)/tools/bin/helm lint --strict --quiet $(CHART)
	for program in promql grafana-dashboard; do (cd tests/tools/$$program && go vet .); done
	for script in $$(git ls-files '*.sh') .ci/run; do bash -n $$script; done
	hack/versions.sh
	@tests/tools/build.sh actionlint
	$(TARGET)/tools/bin/actionlint
	! git grep -nE 'uses: [^.]' .github/workflows | grep -vE '@[0-9a-f]{40} # v[0-9.]+$$' || { echo "pin each action to a commit, with its tag as a comment" >&2; exit 1; }

.PHONY: iam
iam: ## Check the IAM policies, the Terraform module, the CloudFormation template and their page
	@tests/iam/check.sh

.PHONY: fmt
fmt: ## Format the code
	cargo fmt --all
	gofmt -w tests

.PHONY: crds
crds: ## Write the CRD into crds/ and the chart after a change of src/api
	cargo run --quiet --locked -- crd > crds/cloudhsmbackups.yaml.new
	mv crds/cloudhsmbackups.yaml.new crds/cloudhsmbackups.yaml
	cp crds/cloudhsmbackups.yaml $(CHART)/files/crds/

.PHONY: chart
chart: ## Write the chart's README after a change of its values
	@tests/tools/build.sh helm-docs
	$(TARGET)/tools/bin/helm-docs --chart-search-root charts --sort-values-order file --log-level warning

.PHONY: docs
docs: $(MDBOOK) ## Build the book of docs/ into target/book
	@log=$$($(MDBOOK) build docs --dest-dir $(abspath $(TARGET))/book 2>&1) && ! grep -qE 'WARN|ERROR' <<<"$$log" || { echo "$$log" >&2; exit 1; }
	@echo "the book is in $(TARGET)/book/index.html"

.PHONY: reference
reference: ## Write docs/reference/ after a change of the CRD, the flags, the metrics or the reasons
	WRITE_REFERENCE=1 cargo test --quiet --locked --test docs reference::

.PHONY: testdata
testdata: ## Write what deploy/argocd shows of each status, after a change of statuses, messages or Lua
	@WRITE_GITOPS_TESTDATA=1 cargo test --quiet --locked --test deploy the_committed_objects

.PHONY: control-plane
control-plane: ## Build kube-apiserver, etcd, kube-controller-manager and kubectl from their Go modules
	@tests/control-plane/build.sh

.PHONY: tools
tools: ## Build helm, promtool and the other programs that check what ships, from their Go modules
	@tests/tools/build.sh

.PHONY: helm
helm:
	@tests/tools/build.sh helm

.PHONY: venv
venv: ## Install boto3 and the AWS CLI, the real clients that check the emulator, into target/venv
	@emulator/tests/clients/venv.sh

$(CARGO_DENY):
	@echo "installing cargo-deny $(CARGO_DENY_VERSION), which checks licences and banned crates: some minutes on two cores, once"
	@cargo install --quiet --debug --locked cargo-deny --version $(CARGO_DENY_VERSION) --root $(TARGET)/tools/cargo-deny-$(CARGO_DENY_VERSION) --no-default-features

$(MDBOOK):
	@echo "installing mdbook $(MDBOOK_VERSION), which makes the book: about a minute on two cores, once"
	@cargo install --quiet --debug --locked mdbook --version $(MDBOOK_VERSION) --root $(TARGET)/tools/mdbook-$(MDBOOK_VERSION) --no-default-features --features search
