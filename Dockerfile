# PostgreSQL's official image with the extension installed from its Debian package:
#
#     docker build --build-arg PG_MAJOR=15 --tag vetassist .
#
# CREATE EXTENSION vetassist is still yours to type, and the key ring yours to mount: it is no part of an image.
ARG PG_MAJOR=15
# The images that it is made of. Others that are laid out in the same way serve as well.
ARG RUST=rust:1.96-bookworm
ARG POSTGRES=postgres:${PG_MAJOR}-bookworm

FROM ${RUST} AS rust

FROM ${POSTGRES} AS build
ARG PG_MAJOR
# The versions are those of the image's own Debian, whose security updates are wanted.
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
