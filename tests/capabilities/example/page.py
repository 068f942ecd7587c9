import streamlit as st

from streamlit_app.principal import studio
from tests.capabilities.example.service import Notes

for text in Notes(studio().scope).all():
    st.text(text)
