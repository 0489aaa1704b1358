"""The server process: settings, command line, HTTP application, uploads, downloads and web pages."""
