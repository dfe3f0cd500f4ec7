# syntax=docker/dockerfile:1
# An image for MCP clients that run servers in containers:
#
#   docker build -t wan-image-mcp .
#   docker run -i --rm -e DASHSCOPE_API_KEY -v wan-image-mcp:/data wan-image-mcp
#
# It serves MCP on stdin and stdout, as an ordinary user. Orders and pictures are in
# /data, which has to outlive the container. There is no Docker where this program is
# developed, so this file has been read with care but not been run.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=devel
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
        -ldflags "-s -w -X wan-image-mcp/cli.release=$VERSION" -o /out/wan-image-mcp . && \
    mkdir -p -m 700 /out/root/data

FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="wan-image-mcp" \
      org.opencontainers.image.description="Alibaba's Wan text-to-image models for AI agents, over MCP" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="https://github.com/wan-image-mcp/wan-image-mcp" \
      io.modelcontextprotocol.server.name="io.github.wan-image-mcp/wan-image-mcp"
COPY --from=build /out/wan-image-mcp /usr/local/bin/wan-image-mcp
COPY --from=build --chown=65532:65532 /out/root /
ENV WAN_IMAGE_MCP_STATE_DIR=/data
VOLUME /data
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/wan-image-mcp"]
