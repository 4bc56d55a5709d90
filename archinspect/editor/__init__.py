"""What an editor asks of a spec while it is written: `document` knows the text, `server` speaks to the editor.

Answers are plain data with places counted from 1, as everywhere; the server alone knows the protocol.
"""
