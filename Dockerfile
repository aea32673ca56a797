# cprobe on Debian 12, by the steps of scripts/quickstart. Tried step by step in a fresh Debian, not
# yet by Docker.
#   docker build -t circuitprobe . && docker run --rm -v "$PWD:/work" circuitprobe fit spec.yaml
FROM debian:12
WORKDIR /opt/circuitprobe
COPY . .
RUN scripts/install_deps \
 && cmake --preset release -DCPROBE_BUILD_TESTS=OFF -DCPROBE_BUILD_BENCH=OFF \
 && cmake --build --preset release --target cprobe \
 && install build/release/cprobe /usr/local/bin/ \
 && rm -rf build /var/lib/apt/lists/*
WORKDIR /work
ENTRYPOINT ["cprobe"]
