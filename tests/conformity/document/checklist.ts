/** "Checklist de conformité" and "Flux complet validé": lines 370 to 446. */

import * as broker from "../checks/broker.ts";
import * as program from "../checks/program.ts";
import * as sessions from "../checks/sessions.ts";
import { holds, type Row, section } from "../rows.ts";

export const CHECKLIST: readonly Row[] = [
  ...section("### Communication Backend ↔ Worker", [
    holds(
      374,
      "rabbitmq.box_listens",
      "Worker écoute la queue `whatsapp.session.update`",
      broker.listensForCommands,
    ),
    holds(375, "rabbitmq.box_filters", "Worker filtre les messages par `workerId`", broker.ownNumberIsMeant),
    holds(
      376,
      "sessions.box_creates",
      "Worker crée une session Baileys lors de `action: create`",
      sessions.sessionIsOpenedByWorker,
    ),
    holds(377, "sessions.box_qr", "Worker génère un QR code", sessions.qrIsIncluded),
    holds(378, "sessions.box_base64", "Worker envoie le QR en format base64", sessions.qrIsAPicture),
    holds(379, "sessions.box_qr_sent", "Worker renvoie le QR au backend via RabbitMQ", sessions.qrIsSent),
    holds(
      380,
      "sessions.box_connected",
      "Worker notifie le backend lors de la connexion",
      sessions.connectionIsAnnounced,
    ),
    holds(381, "health.box_checks", "Worker envoie des health checks", program.healthChecksAreSent),
  ]),
  ...section("### Configuration", [
    holds(385, "config.box_env", "Fichier .env valide et complet", program.recommendedEnvIsAccepted),
    holds(386, "config.box_url", "RabbitMQ URL correcte", broker.sharesTheBroker),
    holds(387, "config.box_queues", "Queues correctement nommées", broker.queuesAreNamed),
    holds(388, "config.box_worker_id", "Worker ID configuré", program.workerIdIsUsed),
  ]),
  ...section("### Gestion des Erreurs", [
    holds(392, "errors.box_reconnection", "Reconnexion automatique RabbitMQ", broker.comesBackToTheBroker),
    holds(393, "errors.box_sessions", "Gestion des erreurs de session", sessions.faultyCommandsAreAnswered),
    holds(394, "logs.box_detailed", "Logs détaillés", program.logsAreDetailed),
    holds(395, "errors.box_shutdown", "Shutdown gracieux", program.stopsGracefully),
  ]),
  ...flow(),
];

function flow(): Row[] {
  return [
    ...section("### Étape 1: Admin Valide le Client ✅", [
      holds(
        402,
        "flow.1_validate",
        "`POST /api/admin/dashboard/clients/6/validate?workerId=1`",
        sessions.adminValidates,
      ),
    ]),
    ...section("### Étape 2: Backend Crée la Session ✅", [
      holds(
        405,
        "flow.2_session_saved",
        "`SessionService.createSession()` → Enregistre en DB",
        sessions.backendSavesTheSession,
      ),
    ]),
    ...section("### Étape 3: Backend Envoie à RabbitMQ ✅", [
      holds(
        408,
        "flow.3_published",
        "Publie sur `whatsapp.session.update`",
        broker.publishedAsDocumented,
      ),
    ]),
    ...section("### Étape 4: Worker Reçoit le Message ✅", [
      holds(423, "flow.4_taken", "`worker.js` → `handleSessionUpdate()`", broker.listensForCommands),
    ]),
    ...section("### Étape 5: Worker Crée la Session Baileys ✅", [
      holds(
        426,
        "flow.5_baileys",
        "`sessionManager.createSession()` → Initialise Baileys",
        sessions.sessionIsOpenedByWorker,
      ),
    ]),
    ...section("### Étape 6: Worker Génère le QR ✅", [
      holds(429, "flow.6_qr", "Event `connection.update` → QR généré", sessions.qrActionIsNamed),
    ]),
    ...section("### Étape 7: Worker Envoie le QR au Backend ⚠", [
      holds(432, "flow.7_qr_sent", "Publie sur `whatsapp.session.update`", sessions.qrIsSent),
      holds(437, "flow.7_qr_base64", "⚠ Devrait être en base64", sessions.qrIsAPicture),
      holds(
        438,
        "flow.7_session_id",
        '"sessionId": "session_6_+221771234567"',
        sessions.sessionIdHasTheFormat,
      ),
    ]),
    ...section("### Étape 8: Backend Reçoit le QR ✅", [
      holds(
        443,
        "flow.8_qr_saved",
        "`QRCodeListener.handleSessionUpdate()` → Sauvegarde en DB",
        sessions.backendSavesTheQr,
      ),
    ]),
    ...section("### Étape 9: Admin Récupère le QR ✅", [
      holds(
        446,
        "flow.9_qr_fetched",
        "`GET /api/admin/dashboard/clients/6/qr-code`",
        sessions.adminGetsTheQr,
      ),
    ]),
  ];
}
