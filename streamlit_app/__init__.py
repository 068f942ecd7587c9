"""The studio's web pages: what a person sees. They show what `Studio(principal)` says and hand back what people decide.

A page is one file of app_pages/, named by its key in navigation.py, with its words in i18n/ru/<key>.yaml and
i18n/en/<key>.yaml. Every page begins with `studio()` of principal.py, and shows through components/. What is cached has the
tenant's id as its first argument (tests/streamlit_app says so). Nothing here imports Dagster or asks the lake directly.
"""
