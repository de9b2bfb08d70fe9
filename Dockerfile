# PostgreSQL's official image with the extension installed from its Debian package:
#
#     docker build --build-arg PG_MAJOR=15 --tag vetassist .
#
# You still run CREATE EXTENSION vetassist and mount the key ring, which must not be part of an image.
ARG PG_MAJOR=15
# The base images. Others with the same layout work too.
ARG RUST=rust:1.96-bookworm
ARG POSTGRES=postgres:${PG_MAJOR}-bookworm

FROM ${RUST} AS rust

FROM ${POSTGRES} AS build
ARG PG_MAJOR
# Versions are not pinned, so that the security updates of the image's Debian are installed.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        build-essential ca-certificates clang debhelper git libclang-dev libicu-dev libssl-dev openssl \
        pkg-config \
        "postgresql-server-dev-${PG_MAJOR}" \
    && rm -rf /var/lib/apt/lists/*
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup PATH=/usr/local/cargo/bin:$PATH
WORKDIR /src
COPY . .
RUN cargo xtask release deb

FROM ${POSTGRES}
COPY --from=build /src/target/release-files/*.deb /tmp/
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends /tmp/*.deb \
    && rm -rf /var/lib/apt/lists/* /tmp/*.deb
