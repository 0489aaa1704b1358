"""The process: settings, command line, HTTP application, downloads and pages."""
