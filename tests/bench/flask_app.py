"""What the ratios are measured against: a plain Flask + PyMongo + PyJWT server without proofs or throttles.

Its log-in does the same database work as ours, on the same collections with the same indexes and documents of the same
members: find the account, insert the session, update the account, insert the log row, end the former session.
`login-bulk` sends the writes as one bulk.
"""

import datetime as dt
import os
import secrets
from typing import Any

import jwt
from bson import ObjectId
from flask import Flask, Response, jsonify, request
from pymongo import InsertOne, MongoClient, UpdateOne

SECRET = os.environ["JWT_SECRET_KEY"]
DATABASE = os.environ["MONGO_DB"]
ACCESS, REFRESH = dt.timedelta(minutes=10), dt.timedelta(hours=12)

application = Flask(__name__)
_clients: list[MongoClient[dict[str, Any]]] = []


def client() -> MongoClient[dict[str, Any]]:
    """Return this worker's client, made after the fork."""
    if not _clients:
        _clients.append(MongoClient(os.environ["MONGO_URI"], tz_aware=True))
    return _clients[0]


def now() -> dt.datetime:
    """Return the time in UTC."""
    return dt.datetime.now(dt.UTC)


@application.get("/healthz")
def alive() -> Response:
    """Say that the server runs."""
    return Response("ok")


@application.post("/login")
def log_in() -> tuple[Response, int] | Response:
    """Log in, each write by itself."""
    return _log_in(bulk=False)


@application.post("/login-bulk")
def log_in_by_bulk() -> tuple[Response, int] | Response:
    """Log in, the writes as one bulk."""
    return _log_in(bulk=True)


def _log_in(*, bulk: bool) -> tuple[Response, int] | Response:
    body = request.get_json()
    database = client()[DATABASE]
    user = database.users.find_one({"phone": body["phone"]})
    if user is None or user["device"]["machineCode"] != body["machineCode"]:
        return jsonify(code="login_refused"), 401
    at = now()
    session = _session(user, at)
    log = _log(user, body, at)
    condition = {"_id": user["_id"], "account.status.code": "active", "session": user["session"]}
    told = {f"device.{name}": body["device"][name] for name in ("name", "os", "clientVersion")}
    change = {"$set": {"session": session["_id"], "device.lastLoginTime": at, **told}}
    former, ended = {"_id": user["session"], "endedAt": None}, {"$set": {"endedAt": at, "endReason": "elsewhere"}}
    if bulk:
        writes: list[Any] = [
            InsertOne(session, namespace=f"{DATABASE}.staffSessions"),
            UpdateOne(condition, change, namespace=f"{DATABASE}.users"),
            InsertOne(log, namespace=f"{DATABASE}.loginLogs"),
        ]
        writes += [UpdateOne(former, ended, namespace=f"{DATABASE}.staffSessions")] if user["session"] else []
        client().bulk_write(writes, ordered=True)
    else:
        database.staffSessions.insert_one(session)
        database.users.update_one(condition, change)
        database.loginLogs.insert_one(log)
        if user["session"]:
            database.staffSessions.update_one(former, ended)
    claims = {"sid": str(session["_id"]), "sub": str(user["_id"]), "iat": at}
    return jsonify(
        accessToken=jwt.encode({**claims, "exp": at + ACCESS}, SECRET, algorithm="HS256"),
        refreshToken=jwt.encode({**claims, "exp": at + REFRESH}, SECRET, algorithm="HS256"),
        expiresIn=int(ACCESS.total_seconds()),
        user={"id": str(user["_id"]), "phone": user["phone"], "name": user["name"], "role": user["role"]},
    )


def _session(user: dict[str, Any], at: dt.datetime) -> dict[str, Any]:
    device = user["device"]
    return {
        "_id": ObjectId(),
        "user": user["_id"],
        "phone": user["phone"],
        "name": user["name"],
        "role": user["role"],
        "cinemas": user["cinemas"],
        "machineCode": device["machineCode"],
        "key": device["keyThumbprint"],
        "deviceName": device["name"],
        "clientVersion": device["clientVersion"],
        "boundAt": device["boundAt"],
        "address": request.remote_addr,
        "startedAt": at,
        "activeAt": at,
        "provenAt": at,
        "expiresAt": at + REFRESH,
        "endedAt": None,
        "endReason": "",
        "generation": 1,
        "rotatedAt": at,
        "rotationKey": None,
        "web": {},
    }


def _log(user: dict[str, Any], body: dict[str, Any], at: dt.datetime) -> dict[str, Any]:
    return {
        "_id": ObjectId(),
        "phone": user["phone"],
        "name": user["name"],
        "machineCode": body["machineCode"],
        "key": user["device"]["keyThumbprint"],
        "loginTime": at,
        "result": "success",
        "reason": "known",
        "reference": secrets.token_hex(4),
        "user": user["_id"],
        "cinemas": user["cinemas"],
        "address": request.remote_addr,
        "clientVersion": body["device"]["clientVersion"],
        "deviceName": body["device"]["name"],
    }


@application.get("/session")
def heartbeat() -> tuple[Response, int] | Response:
    """Check the token and find the session."""
    try:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    except (KeyError, jwt.InvalidTokenError):
        return jsonify(code="invalid_token"), 401
    session = client()[DATABASE].staffSessions.find_one({"_id": ObjectId(claims["sid"])})
    if session is None or session["endedAt"] is not None:
        return jsonify(code="session_revoked"), 401
    return jsonify(
        user={"id": str(session["user"]), "phone": session["phone"], "name": session["name"], "role": session["role"]},
        device={"machineCode": session["machineCode"], "name": session["deviceName"]},
        session={"id": claims["sid"], "startedAt": session["startedAt"].isoformat()},
        serverTime=now().isoformat(),
    )
