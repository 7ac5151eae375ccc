# One image for every role; `ontime ROLE` chooses. Packages come locked and hashed, as in the Makefile.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /build
COPY requirements/uv.txt requirements/lean.txt requirements/build.txt requirements/
RUN pip install --no-cache-dir --require-hashes --requirement requirements/uv.txt \
    && uv venv /opt/ontime \
    && uv pip install --no-cache --python /opt/ontime/bin/python \
        --require-hashes --requirement requirements/lean.txt
COPY pyproject.toml README.md LICENSE ./
COPY stream stream
COPY workers workers
RUN uv pip install --no-cache --python /opt/ontime/bin/python --no-deps \
    --build-constraints requirements/build.txt .

FROM python:${PYTHON}-slim
RUN useradd --system --create-home --uid 10001 ontime
COPY --from=build /opt/ontime /opt/ontime
ENV PATH=/opt/ontime/bin:$PATH PYTHONUNBUFFERED=1
USER ontime
WORKDIR /home/ontime
EXPOSE 8765 8766
ENTRYPOINT ["ontime"]
CMD ["--help"]
