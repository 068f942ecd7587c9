# One image for every service of docker-compose.yml. Nothing secret is in it: see .env there.
FROM python:3.11-slim-bookworm
ENV PYTHONUTF8=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 DAGSTER_DISABLE_TELEMETRY=yes \
    TGSTUDIO_HOME=/home/tgstudio/home DAGSTER_HOME=/home/tgstudio/home/dagster
RUN useradd --create-home --uid 10001 tgstudio && install -d -o tgstudio -g tgstudio /home/tgstudio/home
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE dagster.yaml workspace.yaml workspace.compose.yaml ./
COPY tgstudio_dagster tgstudio_dagster
COPY assets assets
COPY sql sql
COPY streamlit_app streamlit_app
RUN pip install -c constraints.txt -e '.[proxy,redis]' \
    && python -m compileall -q /usr/local/lib/python3.11/site-packages tgstudio_dagster assets
USER tgstudio
VOLUME /home/tgstudio/home
