"""The page, the same for programs, and whether the book can be written."""

import json

from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt

from guestbook.models import Entry

_SHOWN = 50


def book(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        Entry.objects.create(name=request.POST["name"][:80], text=request.POST["text"][:2000])
        return redirect("/")
    return render(request, "book.html", {"entries": Entry.objects.all()[:_SHOWN]})


@csrf_exempt
def entries(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        told = json.loads(request.body)
        entry = Entry.objects.create(name=told["name"][:80], text=told["text"][:2000])
        return JsonResponse({"id": entry.pk}, status=201)
    return JsonResponse({"entries": list(Entry.objects.values("id", "name", "text")[:_SHOWN])})


def up(request: HttpRequest) -> HttpResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM guestbook_entry LIMIT 1")
    except OperationalError as error:
        return JsonResponse({"detail": str(error).splitlines()[0]}, status=503)
    return JsonResponse({"status": "ready"})
