# The operator's image: `docker build .`, or without an engine and a registry `make image`.
# docs/operations/container.md says what is in it and why.

# As in rust-toolchain.toml; `make lint` compares the two.
ARG RUST_VERSION=1.95.0
# Debian's older release, so that the binary also runs elsewhere: it asks for no newer glibc than it was built on.
ARG BUILDER=docker.io/library/rust:${RUST_VERSION}-slim-bookworm
# Tags, for both are rebuilt with Debian's security fixes. A release resolves this one to a digest, checks its signature and
# sets BASE_DIGEST.
ARG BASE=gcr.io/distroless/cc-debian13:nonroot
ARG BASE_DIGEST=

FROM ${BUILDER} AS build
ARG CARGO_AUDITABLE_VERSION=0.7.7
ARG TARGETARCH
WORKDIR /src
RUN --mount=type=cache,target=/usr/local/cargo/registry,id=cargo-registry-${TARGETARCH} \
    cargo install --quiet --locked --root /opt/cargo-auditable --version ${CARGO_AUDITABLE_VERSION} cargo-auditable
ENV PATH=/opt/cargo-auditable/bin:$PATH
COPY . .
# `auditable` writes the list of crates into the binary, where scanners and the SBOM's generator find it: the image has no
# Cargo.lock.
RUN --mount=type=cache,target=/usr/local/cargo/registry,id=cargo-registry-${TARGETARCH} \
    --mount=type=cache,target=/src/target,id=cargo-target-${TARGETARCH} \
    cargo auditable build --locked --release --bin cloudhsm-backup-operator \
    && install -D -t /out target/release/cloudhsm-backup-operator

# What was built, alone: for `--target binary --output DIR`, and to be replaced by `--build-context binary=DIR`.
FROM scratch AS binary
COPY --from=build /out/ /

FROM ${BASE}${BASE_DIGEST:+@}${BASE_DIGEST}
ARG BASE
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cloudhsm-backup-operator" \
      org.opencontainers.image.description="Kubernetes operator that declares which AWS CloudHSM v2 backups shall exist" \
      org.opencontainers.image.url="https://github.com/cloudhsm-dev/cloudhsm-backup-operator" \
      org.opencontainers.image.source="https://github.com/cloudhsm-dev/cloudhsm-backup-operator" \
      org.opencontainers.image.documentation="https://github.com/cloudhsm-dev/cloudhsm-backup-operator/blob/main/docs/operations/container.md" \
      org.opencontainers.image.vendor="cloudhsm-dev" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
COPY LICENSE /licenses/LICENSE
COPY --from=binary /cloudhsm-backup-operator /usr/local/bin/cloudhsm-backup-operator
# Numeric, so that kubelet can tell that it isn't root (runAsNonRoot).
USER 65532:65532
# Not the base's /home/nonroot, which no other uid may enter, such as one that OpenShift chooses.
WORKDIR /
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/cloudhsm-backup-operator"]
CMD ["run"]
