# Tandem in a container: docker build --tag tandem .
# SIP is best served on the host's own network, as addresses stand inside its messages:
#   docker run --network host --volume ./config:/etc/tandem:ro --volume tandem:/var/lib/tandem tandem
FROM rust:1-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --bin tandem

FROM debian:bookworm-slim
RUN useradd --system --user-group --create-home --home-dir /var/lib/tandem tandem
COPY --from=build /source/target/release/tandem /usr/bin/tandem
COPY config/tandem.toml /etc/tandem/tandem.toml
USER tandem
# The store's relative path, tandem.db, starts here.
WORKDIR /var/lib/tandem
VOLUME /var/lib/tandem
# SIGTERM, on which Tandem refuses new calls and saves those that live, is what a stop sends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tandem"]
CMD ["serve", "--config", "/etc/tandem/tandem.toml"]
