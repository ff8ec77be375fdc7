# The whole product in one static program: the operator, the command line and the simulator.
#   docker build -t opendoor-operator:0.1.0 .
FROM rust:1.95-alpine AS build
# What the C parts of TLS (aws-lc) and SQLite are compiled with.
RUN apk add --no-cache build-base cmake linux-headers perl
WORKDIR /src
COPY . .
# musl: linked statically, so that the image needs no libraries.
RUN cargo build --release --locked --package opendoor \
 && install -D -m 0755 target/release/opendoor /out/opendoor

# Nothing but certificate authorities, time zones and a user without rights (65532). No shell.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/opendoor /usr/local/bin/opendoor
USER 65532:65532
# The operator ends on both signals; `opendoor simulate` on this one only.
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/local/bin/opendoor"]
