# Three images: the search (driver, Ray head, workers, dashboard), the database, the proxy.

FROM postgres:18 AS database
COPY deploy/postgres.sh /usr/local/bin/
RUN mkdir -p /var/lib/postgresql && ln -s /usr/lib/postgresql/18/bin/* /usr/local/bin/
ENTRYPOINT []
CMD ["postgres.sh"]

FROM nginx:1.28 AS proxy
COPY deploy/proxy.sh deploy/answers.sh /usr/local/bin/
ENTRYPOINT []
CMD ["proxy.sh"]

FROM python:3.11-slim AS search
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE.md ./
COPY search search
COPY trainer trainer
COPY storage storage
RUN pip install --no-cache-dir --constraint constraints.txt . \
    && useradd --create-home unim2 && mkdir /data /gpu-locks && chown unim2 /data /gpu-locks
COPY deploy /usr/local/bin/
USER unim2
ENV UMSS_CACHE=/data/cache
ENTRYPOINT []
CMD ["search.sh", "list"]
