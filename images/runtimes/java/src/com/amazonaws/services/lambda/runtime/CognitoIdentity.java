package com.amazonaws.services.lambda.runtime;

/** The Cognito identity that authorised the request. */
public interface CognitoIdentity {
    String getIdentityId();

    String getIdentityPoolId();
}
