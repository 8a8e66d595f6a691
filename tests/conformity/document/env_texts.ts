/** The two `.env` files that the document shows, word for word. */

/** "Le fichier .env est corrompu": lines 158 to 163. */
export const CORRUPTED_ENV = `WORKER_ID=worker-1
WORKER_NAME="WhatsApp Worker 

                            host:8080/api:5672
LOG_LEVEL=infoL=http://localh
NODE_ENV=production
`;

/** "Solution recommandée": lines 172 to 201. */
export const RECOMMENDED_ENV = `# Worker Configuration
WORKER_ID=worker-1
WORKER_NAME="WhatsApp Worker 1"

# RabbitMQ Configuration
RABBITMQ_URL=amqp://guest:guest@broker.example.com:5672
QUEUE_MESSAGE_SEND=whatsapp.message.send
QUEUE_MESSAGE_RECEIVE=whatsapp.message.receive
QUEUE_NUMBER_HEALTH=whatsapp.number.health
QUEUE_SESSION_UPDATE=whatsapp.session.update

# Backend API
BACKEND_API_URL=http://localhost:8080/api
BACKEND_API_KEY=

# Session Configuration
SESSION_DIR=./sessions
SESSION_TIMEOUT=3600000

# WhatsApp Configuration
MAX_RETRY_ATTEMPTS=3
MESSAGE_TIMEOUT=30000
HEALTH_CHECK_INTERVAL=60000

# Logging
LOG_LEVEL=info
LOG_PRETTY=true

# Environment
NODE_ENV=production
`;
