# weftd, built as ./dev build does it. Journal and store are in the volume /data, or in Redis with REDIS_URL.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY . .
RUN ./dev build && strip -o /weftd build/release/weftd

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libwebsockets17 libwebsockets-evlib-uv libuv1 \
        libjansson4 libsqlite3-0 libhiredis0.14 libmongoc-1.0-0 libcurl4 libutf8proc2 libssl3 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 7070 --home-dir /data --create-home weft
COPY --from=build /weftd /usr/local/bin/weftd
USER weft
ENV WEFT_HOST=0.0.0.0 WEFT_PORT=7070 WEFT_DATA=/data
VOLUME /data
EXPOSE 7070
HEALTHCHECK --interval=10s --timeout=3s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/$WEFT_PORT && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
STOPSIGNAL SIGTERM
CMD ["weftd"]
