# One image for the driver, the Ray head, the workers and the dashboard.
FROM python:3.11-slim
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY search search
COPY trainer trainer
COPY storage storage
COPY deploy deploy
RUN pip install --no-cache-dir --constraint constraints.txt . \
    && useradd --create-home unim2 && mkdir /data && chown unim2 /data
USER unim2
ENV UMSS_CACHE=/data/cache PATH="/app/deploy:$PATH"
ENTRYPOINT []
CMD ["search.sh", "list"]
