# Builds the container image: Node and the bundles, nothing else. `npm run image` gives the arguments; docs/release.md tells of releases.

# Releases give both by digest.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot
# The machine that builds: the bundle is the same for all, so none has to be emulated. BuildKit knows it, older engines are told.
ARG BUILDPLATFORM

FROM --platform=${BUILDPLATFORM:-linux/amd64} ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY scripts scripts
COPY src src
# Seconds since 1970, the time of everything that is copied out of here: the same sources give the same layer.
ARG SOURCE_DATE_EPOCH=0
# No pod reads a kubeconfig.
RUN npm run build \
  && rm dist/kubeconfig.mjs \
  && install -D -m 444 -t /image/app dist/*.mjs \
  && chmod 555 /image/app \
  && find /image -exec touch --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${RUNTIME_IMAGE}
COPY --from=build /image/ /
# No user has to be able to enter it: OpenShift chooses one, and the home directory belongs to another.
WORKDIR /app
# A number, so that Kubernetes can tell that it is not root.
USER 65532
# One arena of malloc instead of one for each thread: 3 to 8 MB less under load at the same speed.
ENV MALLOC_ARENA_MAX=1
# Node's own choice is 259 MiB of heap in a container of 128 MiB. What is not heap is Node itself and the bytes on their way.
ENTRYPOINT ["/nodejs/bin/node", "--max-old-space-size-percentage=40", "/app/rusteze.mjs"]
CMD []
EXPOSE 6380

ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="rusteze" \
  org.opencontainers.image.description="A transparent, multiplexing Redis proxy: thousands of client connections, a handful of backend connections." \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}"
