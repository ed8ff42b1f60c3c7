# The service as an image; compose.yaml runs it with PostgreSQL. See docs/service.md.
FROM python:3.12-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/personalrm
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /opt/personalrm/bin/pip install --no-cache-dir '.[serve]'

FROM python:3.12-slim-bookworm
# Numbers instead of names, so that an orchestrator can see that this is not root.
RUN groupadd --system --gid 10001 personalrm \
    && useradd --system --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin personalrm \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/personalrm /opt/personalrm
ENV PATH=/opt/personalrm/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PERSONALRM_HOST=0.0.0.0 \
    PERSONALRM_PORT=8000 \
    PERSONALRM_DATABASE=sqlite:////data/personalrm.sqlite \
    PERSONALRM_CACHE=/data/answers.sqlite
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PERSONALRM_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["personalrm", "serve"]
